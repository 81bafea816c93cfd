// What goes wrong when EC2 is asked, and what to do about it. What always holds: `next choice` and `give up` are said only where EC2
// itself has refused; whatever else happens says nothing of whether something was made.

import { DriverError, type Verdict } from '../driver.ts';

/** No room for this type in this place, or no more of it for this account: another type or place may do. */
const noRoom = new Set([
  ...['InsufficientInstanceCapacity', 'InsufficientHostCapacity', 'InsufficientCapacity', 'InsufficientCapacityOnHost'],
  ...['InsufficientFreeAddressesInSubnet', 'ReservationCapacityExceeded', 'MaxSpotInstanceCountExceeded'],
  ...['InstanceLimitExceeded', 'VcpuLimitExceeded', 'HostLimitExceeded'],
  // A type that is not to be had in this zone.
  'Unsupported',
]);

/** Too much at once, a fault of theirs, or something that is still in use or under way. */
const passing = new Set([
  ...[
    'RequestLimitExceeded',
    'Throttling',
    'ThrottlingException',
    'ThrottledException',
    'RequestThrottled',
    'SlowDown',
  ],
  ...['EC2ThrottledException', 'BandwidthLimitExceeded', 'RequestThrottledException', 'TooManyRequestsException'],
  ...[
    'InternalError',
    'InternalFailure',
    'ServiceUnavailable',
    'Unavailable',
    'RequestTimeout',
    'RequestTimeoutException',
  ],
  ...['DependencyViolation', 'InvalidGroup.InUse', 'ResourceInUse', 'ConcurrentTagAccess', 'PriorRequestNotComplete'],
  ...['IncorrectInstanceState', 'IncorrectState', 'RequestExpired', 'RequestInTheFuture', 'RequestTimeTooSkewed'],
  // An answer that is none of EC2: a proxy in between.
  'Unknown',
]);

const wrongCredentials = new Set([
  ...['AuthFailure', 'InvalidClientTokenId', 'SignatureDoesNotMatch', 'UnrecognizedClientException', 'ExpiredToken'],
  ...['ExpiredTokenException', 'MissingAuthenticationToken', 'IncompleteSignature', 'InvalidAccessKeyId'],
]);
const notAllowed = new Set(['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException', 'OptInRequired']);
const noCredentials = new Set(['CredentialsProviderError', 'TokenProviderError', 'ProviderError']);
/** Of a file: the token of a web identity. */
const notReadable = new Set(['ENOENT', 'EACCES', 'EISDIR']);
const reasonAtMost = 400;

/** What the SDK throws, as far as it is of use. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  /** Of Node: ECONNREFUSED. */
  readonly code?: string;
  readonly $fault?: 'client' | 'server';
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
}

/** What EC2 calls the reason of a refusal: `InvalidGroup.Duplicate`; null: it was not EC2 that refused. */
export function codeOf(error: unknown): string | null {
  const { $fault, name } = ((error instanceof DriverError ? error.cause : error) ?? {}) as SdkError;
  return $fault === undefined || name === undefined ? null : name.replace(/^(?:Client|Server)\./, '');
}

/**
 * `action`: what was asked. `hasAnswered`: whether EC2 has ever answered here; then missing credentials and a name that is not found
 * will pass, and else they are wrong settings.
 */
export function driverError(action: string, error: unknown, hasAnswered: boolean): DriverError {
  if (error instanceof DriverError) return error;
  const { verdict, reason } = judged(action, (error ?? {}) as SdkError, hasAnswered ? 'again' : 'give up');
  return new DriverError(verdict, reason.slice(0, reasonAtMost), { cause: error });
}

function judged(action: string, error: SdkError, unlessAnswered: Verdict): { verdict: Verdict; reason: string } {
  const said = (error.message ?? String(error)).trim().split('\n', 1)[0] ?? '';
  const code = codeOf(error);
  if (code !== null) return refused(action, code, said, error);
  if (error.name === 'AbortError') return { verdict: 'again', reason: `${action}: the server is stopping` };
  if (noCredentials.has(error.name ?? ''))
    return { verdict: unlessAnswered, reason: `there are no AWS credentials to ask EC2 with: ${said}` };
  if (notReadable.has(error.code ?? ''))
    return { verdict: unlessAnswered, reason: `the AWS credentials cannot be read: ${said}` };
  if (/^Region is missing/.test(said))
    return { verdict: 'give up', reason: 'it is not known in which region to ask EC2: set AWS_REGION' };
  if (/^Region not accepted/.test(said)) return { verdict: 'give up', reason: `AWS_REGION is wrong: ${said}` };
  if (error.code === 'ERR_INVALID_URL')
    return {
      verdict: 'give up',
      reason: 'the address of EC2 is none: AWS_ENDPOINT_URL_EC2, or AWS_ENDPOINT_URL, is wrong',
    };
  if (error.code === 'ENOTFOUND')
    return { verdict: unlessAnswered, reason: `${action}: there is no such EC2: is the region right? ${said}` };
  return { verdict: 'again', reason: `${action}: EC2 has not answered: ${said}` };
}

function refused(action: string, code: string, said: string, error: SdkError): { verdict: Verdict; reason: string } {
  if (noRoom.has(code)) return { verdict: 'next choice', reason: `${action}: ${said} (${code})` };
  const status = error.$metadata?.httpStatusCode ?? 0;
  // The SDK has seen by how much this clock is wrong, and signs the next time by the right one.
  const isPassing =
    passing.has(code) || status >= 500 || status === 429 || error.$metadata?.clockSkewCorrected === true;
  if (isPassing) return { verdict: 'again', reason: `${action}: ${said} (${code})` };
  if (wrongCredentials.has(code))
    return { verdict: 'give up', reason: `EC2 refuses the AWS credentials: ${said} (${code})` };
  if (notAllowed.has(code))
    return { verdict: 'give up', reason: `the AWS credentials do not allow ${action}: ${said} (${code})` };
  return { verdict: 'give up', reason: `${action}: ${said} (${code})` };
}
