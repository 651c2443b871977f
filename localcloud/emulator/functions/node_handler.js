// Runs inside a Node.js Lambda worker, in front of ministack's worker script: what a handler threw,
// as AWS's own runtime reports it (Errors.js of aws-lambda-nodejs-runtime-interface-client).
// The key is HANDLER_ERROR of python_worker.py.
function handlerError(error) {
  const isError = error instanceof Error;
  const errorType = isError ? error.name : typeof error;
  const errorMessage = isError ? error.message : String(error);
  const trace = isError && error.stack ? error.stack.split("\n") : [];
  process.stderr.write(`ERROR\tInvoke Error\t${trace.join("\n") || errorMessage}\n`);
  return { "localcloud:handler-error": { errorType, errorMessage, trace } };
}
