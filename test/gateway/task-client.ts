// What a client of the tasks extension sends, which the official SDK does not.
import { META } from '../../src/wire/index.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { TASKS } from './task-server.ts'

export interface TaskAnswer {
  readonly status: number
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string }
}

/** A request of a client that declares the extension. */
export function taskRequest(method: string, params: Record<string, unknown>) {
  const request = modernRequest(method, params)
  const message = JSON.parse(request.body) as { params: { _meta: Record<string, unknown> } }
  message.params._meta[META.clientCapabilities] = { extensions: { [TASKS]: {} }, elicitation: {} }
  const { taskId } = params
  const named = typeof taskId === 'string' ? { 'mcp-name': taskId } : {}
  return {
    ...request,
    headers: { ...request.headers, ...named },
    body: JSON.stringify(message),
  }
}

export async function askTask(
  url: string,
  method: string,
  params: Record<string, unknown>,
): Promise<TaskAnswer> {
  const response = await fetch(url, taskRequest(method, params))
  const text = await response.text()
  const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) => data)
  const { result, error } = JSON.parse(events.at(-1) ?? text) as Omit<TaskAnswer, 'status'>
  return { status: response.status, ...(result && { result }), ...(error && { error }) }
}
