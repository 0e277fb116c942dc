/** Formats an amount for people. */
export function usd(amount: number): string {
  return `${amount.toFixed(2)} USD`;
}
