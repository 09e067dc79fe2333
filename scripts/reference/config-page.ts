// docs/reference/config.md from the config's schema.
import { describeConfig, type DescribedKey } from '../../src/config/index.ts'
import { code, page } from './markdown.ts'

const INTRODUCTION = [
  'One YAML file, by default `sallyport.yaml` in the working folder; `-c FILE` names another. It may have 1 MiB. `sallyport check` tells every fault at once, with line and column; `sallyport config show` prints the file with every default filled in; `sallyport config schema` prints a JSON Schema for editors.',
  'Keys are written as they stand here; one that does not exist is a fault. Durations are a number with `ms`, `s`, `m`, `h` or `d`; sizes a number with `B`, `KiB`, `MiB` or `GiB`. Relative paths start at the folder of the file.',
]

const VARIABLES = `## Environment variables

- \`\${NAME}\` in a value stands for the environment variable, \`\${NAME:-default}\` for the default where it is unset or empty. A variable that is unset and has no default is a fault. They are expanded after the file was read as YAML, so what a variable holds is never taken for a key. A text that is nothing but one \`\${NAME}\` can also stand for a number, a boolean or a choice. Inside \`[ ]\` and \`{ }\`, put it in quotes.
- \`$\${\` is a literal \`\${\`. A \`$\` without \`{\` is only itself.
- \`SALLYPORT__PATH__TO__KEY\` sets a key over what the file says: \`__\` between levels, numbers for list items, in any case, for example \`SALLYPORT__LIMITS__MAX_BODY_BYTES=1MiB\` or \`SALLYPORT__SERVERS__WEATHER__ENDPOINTS__0__URL=http://127.0.0.1:5051/mcp\`. \`_\` also stands for a \`-\` in a server's name. Text is taken as it stands, or as YAML if it is all in quotes; a list or a map is written in YAML's flow style, \`[a, b]\`. \`\${NAME}\` is not expanded there. A variable that names no key is a fault.
- \`PLUGINS_CLIENT_MTLS_CERTFILE\`, \`_KEYFILE\`, \`_KEYFILE_PASSWORD\`, \`_CA_BUNDLE\`, \`_VERIFY\` and \`_CHECK_HOSTNAME\` set the key of that name in \`mcp.tls\` of every plugin with an https:// URL, over what the file says.`

const SHOWN = `## What is shown

\`config show\`, faults and the log show the value of a key only where this page does not say "never shown". Of a URL, user info, query and fragment are never shown.`

export function configPage(): string {
  const keys = describeConfig()
  const isSection = ({ path }: DescribedKey): boolean =>
    keys.some((other) => other.path.startsWith(`${path}.`) || other.path.startsWith(`${path}[].`))
  const blocks = keys.map((key) => describe(key, isSection(key)))
  return page('# Configuration', ...INTRODUCTION, VARIABLES, SHOWN, '## Keys', ...blocks)
}

function describe(key: DescribedKey, isSection: boolean): string {
  const { path, description, expected, only, required } = key
  const facts = [
    isSection && expected === 'a map' ? undefined : `Value: ${expected}.`,
    key.default === undefined ? undefined : `Default: ${code(key.default)}.`,
    required ? 'Required.' : undefined,
    only === undefined ? undefined : `Only for ${only}.`,
    isSection || key.shown ? undefined : 'Never shown.',
  ].filter((fact) => fact !== undefined)
  const blocks = [`### ${code(path)}`, description, facts.map((fact) => `- ${fact}`).join('\n')]
  return blocks.filter((block) => block !== '').join('\n\n')
}
