// The plugin list of another gateway (`plugins/external/config.yaml`): which external plugins there are. The rest of that
// file is not looked at.
import { resolve } from 'node:path'
import type { Environment } from './expand.ts'
import type { Fault } from './fault.ts'
import { readText } from './read-text.ts'
import { memberOf } from './schema-walk.ts'
import { readYaml } from './yaml-source.ts'

export const DEFAULT_PLUGIN_FILE = 'plugins/external/config.yaml'

export type ExternalPlugins =
  | { readonly ok: true; readonly names: readonly string[] }
  /** `isMissing`: there is no such file. */
  | { readonly ok: false; readonly isMissing: boolean; readonly faults: readonly Fault[] }

export function readExternalPlugins(file: string, env: Environment = process.env): ExternalPlugins {
  const text = readText(resolve(file), file)
  if (typeof text !== 'string') {
    return { ok: false, isMissing: text.got.startsWith('no file'), faults: [pluginFault(text)] }
  }
  const { value, faults } = readYaml(text, file, env)
  if (faults.length > 0) return { ok: false, isMissing: false, faults }
  const plugins = memberOf(value, 'plugins')
  if (!Array.isArray(plugins)) {
    const fault: Fault = {
      place: { kind: 'whole-file', file },
      path: 'plugins',
      expected: 'a list of plugins',
      got: plugins === undefined ? 'none' : 'something else',
      mend: 'write: plugins: [{name: MyPlugin, kind: external}]',
    }
    return { ok: false, isMissing: false, faults: [fault] }
  }
  const external = plugins.filter((plugin) => memberOf(plugin, 'kind') === 'external')
  const nameless = external.findIndex((plugin) => typeof memberOf(plugin, 'name') !== 'string')
  if (nameless >= 0) {
    const fault: Fault = {
      place: { kind: 'whole-file', file },
      path: 'plugins',
      expected: 'a name for every external plugin',
      got: `none for the ${nameless + 1}. of them`,
      mend: 'give it a name, as a text',
    }
    return { ok: false, isMissing: false, faults: [fault] }
  }
  return { ok: true, names: external.map((plugin) => memberOf(plugin, 'name') as string) }
}

function pluginFault(fault: Fault): Fault {
  const mend = fault.mend.replace('with -c FILE', 'with --plugin-config FILE')
  return { ...fault, expected: 'a plugin configuration', mend }
}
