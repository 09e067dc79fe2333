// Rules about plugins that hang on more than one key: names, and which routes ask them.
import type { Finding, Remark } from './cross-checks.ts'
import type { Draft } from './draft.ts'
import { suggest } from './suggest.ts'

export function checkPlugins(draft: Draft): readonly Finding[] {
  return [...checkNames(draft), ...checkRoutePlugins(draft)]
}

/** A plugin that is never asked looks like protection and is none. */
export function pluginRemarks({ plugins, routes }: Draft): readonly Remark[] {
  return plugins
    .filter(({ value: { name, isDisabled } }) => {
      return !isDisabled && !routes.some(({ value }) => value.plugins?.includes(name) ?? true)
    })
    .map(({ index }) => ({ path: ['plugins', index], message: 'no route asks this plugin' }))
}

function checkNames({ plugins }: Draft): readonly Finding[] {
  return plugins.flatMap(({ index, value: { name } }, at): Finding[] => {
    const first = plugins.slice(0, at).find(({ value }) => value.name === name)
    if (first === undefined) return []
    const path = ['plugins', index, 'name']
    const got = `${JSON.stringify(name)}, which plugins[${first.index}] has`
    return [{ path, expected: 'a name of its own', got, mend: 'rename one of the two' }]
  })
}

function checkRoutePlugins({ plugins, routes }: Draft): readonly Finding[] {
  const names = plugins.map(({ value: { name } }) => name)
  return routes.flatMap(({ index, value: { plugins: asked = [] } }) =>
    asked.flatMap((name, at): Finding[] => {
      const path = ['routes', index, 'plugins', at]
      const earlier = asked.indexOf(name)
      if (earlier < at) {
        const got = `${JSON.stringify(name)}, which plugins[${earlier}] is`
        return [{ path, expected: 'every plugin once', got, mend: 'remove it' }]
      }
      if (names.includes(name)) return []
      const near = suggest(name, names)
      const mend = near === undefined ? 'add the plugin' : `did you mean "${near}"?`
      const expected = 'the name of a plugin under plugins'
      return [{ path, expected, got: JSON.stringify(name), mend }]
    }),
  )
}
