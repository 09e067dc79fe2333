// Processor time and memory of running processes, from the kernel's own accounts.
import { readdirSync, readFileSync } from 'node:fs'

const NANOSECONDS = 1e9
/** Kernel ticks per second in /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/**
 * Processor seconds used so far by all threads of these processes. Taken from `schedstat`, which counts nanoseconds; from
 * `stat`, which counts hundredths of a second, where the kernel does not keep the former.
 */
export function processorSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + secondsOf(pid), 0)
}

function secondsOf(pid: number): number {
  const folder = `/proc/${pid}/task`
  try {
    return readdirSync(folder).reduce((sum, thread) => {
      const [nanoseconds] = readFileSync(`${folder}/${thread}/schedstat`, 'latin1').split(' ')
      return sum + Number(nanoseconds) / NANOSECONDS
    }, 0)
  } catch {
    return ticksOf(pid) / TICKS_PER_SECOND
  }
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The program's name, in parentheses, may hold spaces: count the fields after it (proc(5): utime 14, stime 15).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** Processor seconds that the whole machine has spent on anything but idling, on all cores together. */
export function machineSeconds(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.split(/\s+/) ?? []
  // user nice system idle iowait irq softirq steal; guest time is already in user (proc(5)).
  const busy = ticks.slice(0, 8).filter((_, at) => at !== 3 && at !== 4)
  return busy.reduce((sum, it) => sum + Number(it), 0) / TICKS_PER_SECOND
}

/** Resident memory of these processes, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
      readFileSync(`/proc/${pid}/status`, 'latin1'),
    )?.[1]
    return sum + Number(kilobytes) * 1024
  }, 0)
}

/** The processes that this one started and that still run. */
export function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return list === '' ? [] : list.split(' ').map(Number)
}
