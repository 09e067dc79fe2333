// Calls that leave the machine unencrypted: allowed where somebody said so, and never without a word about it.

/** Whether everything said to this URL can be read and changed on the way. Loopback never leaves the machine. */
export function isCleartextAbroad({ protocol, hostname }: URL): boolean {
  if (protocol !== 'http:') return false
  return !(hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname))
}

export function cleartextWarning(url: URL): readonly string[] {
  if (!isCleartextAbroad(url)) return []
  return [
    `allow_cleartext: calls to ${url.host} travel unencrypted; whoever is on the way can read and change them`,
  ]
}
