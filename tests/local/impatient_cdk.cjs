// The CDK CLI asks every 5 s whether a stack is done. On the local cloud most are within one.
globalThis.setTimeout = new Proxy(setTimeout, {
  apply: (original, self, [callback, delay, ...rest]) =>
    original(callback, delay === 5000 ? 250 : delay, ...rest),
});
