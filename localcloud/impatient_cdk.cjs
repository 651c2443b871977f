// The CDK CLI asks every 5 s whether a stack or change set is done; on the local cloud most are
// done at once. It has no option for that, so its timers of exactly 5 s end after 0.1 s.
globalThis.setTimeout = new Proxy(setTimeout, {
  apply: (original, self, [callback, delay, ...rest]) =>
    original(callback, delay === 5000 ? 100 : delay, ...rest),
});
