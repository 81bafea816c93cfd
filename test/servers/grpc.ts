// A gRPC server with the health service, for one test file: `startGrpc()`. By grpc-js, which shares no code with the probe.

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation, type ServingStatusMap } from 'grpc-health-check';
import type { Certificate } from './certificate.ts';

export interface Grpc {
  readonly port: number;
  set(service: string, status: ServingStatusMap[string]): void;
  stop(): Promise<void>;
}

/** With `health: false` it has no service at all. The services '' and those in `statuses` are known. */
export async function startGrpc({
  statuses = { '': 'SERVING' },
  health = true,
  tls,
}: {
  statuses?: ServingStatusMap;
  health?: boolean;
  tls?: Certificate;
} = {}): Promise<Grpc> {
  const server = new Server();
  const implementation = new HealthImplementation(statuses);
  if (health) implementation.addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials(tls), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    set: (service, status) => implementation.setStatus(service, status),
    stop: async () => server.forceShutdown(),
  };
}

function credentials(tls: Certificate | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]);
}
