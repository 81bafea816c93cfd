// EC2, as the SDK speaks to it. What always holds: whatever goes wrong is a DriverError; every answer has its time; and a launch is
// asked for once, because whether to ask again, and with which token, is not for the SDK to decide: it takes "no capacity" for a
// fault that will pass.

import { EC2Client, type EC2ClientConfig } from '@aws-sdk/client-ec2';
import { DriverError } from '../driver.ts';
import { driverError } from './errors.ts';
import type { Ec2Patience } from './options.ts';

const usualTimeoutMs = 60_000;
const connectsWithinMs = 10_000;

/** What a whole answer always has, if only an empty list: one without it is not of EC2, and says nothing. */
export function stated<T>(answered: T | undefined): T {
  if (answered !== undefined) return answered;
  throw new DriverError('again', 'EC2 has not answered: what came instead cannot be read');
}

type Ask<T> = (client: EC2Client, options: { abortSignal: AbortSignal }) => Promise<T>;

export class Cloud {
  readonly #client: EC2Client;
  readonly #launcher: EC2Client;
  #hasAnswered = false;

  constructor({ timeoutMs = usualTimeoutMs, attempts }: Ec2Patience) {
    const common: EC2ClientConfig = {
      requestHandler: {
        connectionTimeout: Math.min(timeoutMs, connectsWithinMs),
        requestTimeout: timeoutMs,
        throwOnRequestTimeout: true,
      },
    };
    this.#client = new EC2Client(attempts === undefined ? common : { ...common, maxAttempts: attempts });
    this.#launcher = new EC2Client({ ...common, maxAttempts: 1, credentials: this.#client.config.credentials });
  }

  /** `action`: for people. */
  ask<T>(action: string, signal: AbortSignal, ask: Ask<T>): Promise<T> {
    return this.#answer(action, this.#client, signal, ask);
  }

  /** Once, whatever comes of it. */
  launch<T>(action: string, signal: AbortSignal, ask: Ask<T>): Promise<T> {
    return this.#answer(action, this.#launcher, signal, ask);
  }

  async #answer<T>(action: string, client: EC2Client, signal: AbortSignal, ask: Ask<T>): Promise<T> {
    try {
      const answer = await ask(client, { abortSignal: signal });
      this.#hasAnswered = true;
      return answer;
    } catch (error) {
      throw driverError(action, error, this.#hasAnswered);
    }
  }
}
