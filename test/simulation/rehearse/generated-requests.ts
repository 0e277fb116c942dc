import { FastRandom } from '../../../lib/simulation/random';
import type { RequestBlock, RequestSource } from '../../../lib/simulation/traffic';

/** Endless Poisson arrivals with random service times. */
export class PoissonSource implements RequestSource {
  private at = 0;

  public constructor(
    private readonly requestsPerSecond: number,
    private readonly random: FastRandom,
    private readonly service: (random: FastRandom) => number,
  ) {}

  public next(block: RequestBlock): boolean {
    block.reserve(4096);
    for (let index = 0; index < 4096; index++) {
      this.at += this.random.exponential() / this.requestsPerSecond;
      block.at[index] = this.at;
      block.service[index] = this.service(this.random);
    }
    block.length = 4096;
    return true;
  }
}

/** Given requests, in small blocks. */
export class ListSource implements RequestSource {
  private index = 0;

  public constructor(
    private readonly requests: readonly { readonly at: number; readonly service: number }[],
    private readonly blockLength = 3,
  ) {}

  public next(block: RequestBlock): boolean {
    block.reserve(this.blockLength);
    block.length = 0;
    while (block.length < this.blockLength && this.index < this.requests.length) {
      const { at, service } = this.requests[this.index++]!;
      block.at[block.length] = at;
      block.service[block.length++] = service;
    }
    return block.length > 0;
  }
}
