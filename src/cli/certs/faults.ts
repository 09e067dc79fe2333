// Tells the faults of a file that a command reads, one line each.
import { type ConfigFault, formatFault } from '../../config/index.ts'
import { complain } from '../output.ts'

export function tellFaults(file: string, faults: readonly ConfigFault[]): void {
  for (const fault of faults) complain(formatFault(fault))
  complain(`sallyport: ${file} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}`)
}
