/**
 * ONNX Runtime 1.30 gives the machine an identifier, keeps what it does in a database below the user's cache
 * folder and sends it to its maker, unless this variable is set when the first session is made. Nothing that runs here tells
 * anybody; it also costs each process a quarter of its start. Whoever wants it says `ORT_DISABLE_TELEMETRY=0`.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';
