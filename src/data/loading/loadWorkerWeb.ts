import { decodeWeb } from '../images/decodeWeb.ts';
import { fetchBytes } from '../urlSource.ts';
import type { Port } from './rowMessages.ts';
import { serveRows } from './rowServer.ts';

/** A web worker that makes rows of batches. */
serveRows(globalThis as unknown as Port, decodeWeb, fetchBytes);
