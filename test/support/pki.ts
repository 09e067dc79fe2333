// A certificate authority for tests, made with the openssl command: independent of the code that makes certificates in the
// product. It issues what a test needs to be wrong as well: expired, not yet valid, for another purpose, revoked.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './temporary-folder.ts'

export type TestKeyType = 'ec' | 'rsa' | 'ed25519'

export interface TestLeafOptions {
  /** Default `leaf`. */
  readonly commonName?: string
  /** In the form of openssl's configuration: `DNS:localhost,IP:127.0.0.1`. Default that; '' for none. */
  readonly subjectAltName?: string
  /** Extended key usage: `serverAuth`, `clientAuth`, `serverAuth,clientAuth`; '' for none. Default `serverAuth`. */
  readonly purpose?: string
  readonly key?: TestKeyType
  /** More extensions in the form of openssl's configuration: `authorityInfoAccess=caIssuers;URI:http://a.example/ca`. */
  readonly extensions?: readonly string[]
  /** Days from now to the beginning and the end of validity; default -1 and 30. Both negative: expired. */
  readonly fromDay?: number
  readonly toDay?: number
}

export interface TestLeaf {
  readonly certFile: string
  readonly keyFile: string
  /** The leaf's certificate followed by its authority's. */
  readonly chainFile: string
  readonly cert: string
  readonly key: string
  /** Writes certificate, key and authority as PKCS#12 and returns the file. */
  pfx(password: string): string
  /** Writes the key encrypted (PKCS#8) and returns the file. */
  encryptedKey(password: string): string
}

export interface TestAuthority {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  issue(options?: TestLeafOptions): TestLeaf
  /** An authority below this one. */
  intermediate(commonName?: string): TestAuthority
  revoke(leaf: TestLeaf): void
  /** Writes the current revocation list and returns its file. Negative days: a list past its nextUpdate. */
  crl(validForDays?: number): string
}

const KEY_ARGUMENTS: Readonly<Record<TestKeyType, readonly string[]>> = {
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ed25519: ['-algorithm', 'ED25519'],
}

const DAY_MS = 86_400_000

/** Makes an authority that signs itself, in a folder that goes with the test; or in yours, for several tests. */
export function testAuthority(commonName = 'Test CA', folder = temporaryFolder()): TestAuthority {
  const authority = new OpensslAuthority(folder)
  const subject = ['-subj', `/CN=${commonName}`]
  const key = newKey(folder, 'ca', 'ec')
  const extensions = [
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  ]
  run(
    'req',
    '-x509',
    '-new',
    '-key',
    key,
    ...subject,
    '-days',
    '60',
    ...extensions,
    '-out',
    authority.certFile,
  )
  return authority
}

class OpensslAuthority implements TestAuthority {
  readonly certFile: string
  readonly keyFile: string
  readonly #folder: string
  readonly #config: string
  #count = 0

  constructor(folder: string) {
    this.#folder = folder
    this.certFile = join(folder, 'ca.crt')
    this.keyFile = join(folder, 'ca.key')
    this.#config = join(folder, 'openssl.cnf')
    writeFileSync(join(folder, 'index.txt'), '')
    writeFileSync(join(folder, 'serial'), '1000\n')
    writeFileSync(join(folder, 'crlnumber'), '01\n')
    mkdirSync(join(folder, 'issued'))
    writeFileSync(this.#config, configOf(folder))
  }

  get cert(): string {
    return readFileSync(this.certFile, 'utf8')
  }

  issue(options: TestLeafOptions = {}): TestLeaf {
    const { subjectAltName = 'DNS:localhost,IP:127.0.0.1', purpose = 'serverAuth' } = options
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
      ...(subjectAltName === '' ? [] : [`subjectAltName=${subjectAltName}`]),
      ...(purpose === '' ? [] : [`extendedKeyUsage=${purpose}`]),
      ...(options.extensions ?? []),
    ]
    const { certFile, keyFile } = this.#sign(options, extensions)
    return leafOf(certFile, keyFile, this.certFile)
  }

  intermediate(commonName = 'Test Intermediate CA'): TestAuthority {
    const extensions = [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ]
    const { certFile, keyFile } = this.#sign({ commonName }, extensions)
    const below = new OpensslAuthority(temporaryFolder())
    writeFileSync(below.certFile, readFileSync(certFile))
    writeFileSync(below.keyFile, readFileSync(keyFile), { mode: 0o600 })
    return below
  }

  revoke({ certFile }: TestLeaf): void {
    this.#ca('-revoke', certFile)
  }

  crl(validForDays = 30): string {
    this.#count += 1
    const file = join(this.#folder, `list-${this.#count}.crl`)
    const dates =
      validForDays >= 0
        ? ['-crldays', String(validForDays)]
        : [
            '-crl_lastupdate',
            dayFromNow(validForDays - 1),
            '-crl_nextupdate',
            dayFromNow(validForDays),
          ]
    this.#ca('-gencrl', ...dates, '-out', file)
    return file
  }

  #sign(
    { commonName = 'leaf', key = 'ec', fromDay = -1, toDay = 30 }: TestLeafOptions,
    extensions: readonly string[],
  ): { readonly certFile: string; readonly keyFile: string } {
    this.#count += 1
    const name = `leaf-${this.#count}`
    const keyFile = newKey(this.#folder, name, key)
    const at = (ending: string): string => join(this.#folder, `${name}.${ending}`)
    run('req', '-new', '-key', keyFile, '-subj', `/CN=${commonName}`, '-out', at('csr'))
    writeFileSync(at('ext'), `${extensions.join('\n')}\n`)
    const dates = ['-startdate', dayFromNow(fromDay), '-enddate', dayFromNow(toDay)]
    this.#ca(...dates, '-in', at('csr'), '-extfile', at('ext'), '-notext', '-out', at('crt'))
    return { certFile: at('crt'), keyFile }
  }

  #ca(...args: readonly string[]): void {
    run(
      'ca',
      '-batch',
      '-config',
      this.#config,
      '-cert',
      this.certFile,
      '-keyfile',
      this.keyFile,
      ...args,
    )
  }
}

function leafOf(certFile: string, keyFile: string, caFile: string): TestLeaf {
  const cert = readFileSync(certFile, 'utf8')
  const chainFile = certFile.replace(/\.crt$/, '.chain.crt')
  writeFileSync(chainFile, cert + readFileSync(caFile, 'utf8'))
  return {
    certFile,
    keyFile,
    chainFile,
    cert,
    key: readFileSync(keyFile, 'utf8'),
    pfx(password) {
      const file = certFile.replace(/\.crt$/, '.p12')
      const parts = ['-in', certFile, '-inkey', keyFile, '-certfile', caFile]
      run('pkcs12', '-export', ...parts, '-passout', `pass:${password}`, '-out', file)
      return file
    },
    encryptedKey(password) {
      const file = keyFile.replace(/\.key$/, '.encrypted.key')
      const output = ['-out', file, '-passout', `pass:${password}`]
      run('pkcs8', '-topk8', '-in', keyFile, '-v2', 'aes-256-cbc', ...output)
      return file
    },
  }
}

/** Only the owner can read it: openssl makes key files so. */
function newKey(folder: string, name: string, type: TestKeyType): string {
  const file = join(folder, `${name}.key`)
  run('genpkey', ...KEY_ARGUMENTS[type], '-out', file)
  return file
}

/** `YYYYMMDDHHMMSSZ`, as `openssl ca` takes it. */
function dayFromNow(days: number): string {
  const iso = new Date(Date.now() + days * DAY_MS).toISOString()
  return `${iso.slice(0, 19).replaceAll(/[-T:]/g, '')}Z`
}

function configOf(folder: string): string {
  return `[ca]
default_ca = own
[own]
database = ${folder}/index.txt
serial = ${folder}/serial
crlnumber = ${folder}/crlnumber
new_certs_dir = ${folder}/issued
default_md = sha256
default_crl_days = 30
unique_subject = no
policy = any
[any]
commonName = supplied
`
}

function run(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
