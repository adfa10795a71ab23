// Stands in for what Tauri puts into its own window, so that the built interface runs unchanged in an
// ordinary browser: `invoke` asks the bridge, and events come from it as server-sent events. The
// bridge puts `clock` before this: the time at which the page's clock stands, or null.
(() => {
  const callbacks = new Map();
  const sources = new Map();
  let last = 0;

  function transformCallback(callback, once = false) {
    last += 1;
    const id = last;
    callbacks.set(id, (data) => {
      if (once) callbacks.delete(id);
      callback?.(data);
    });
    return id;
  }

  async function ask(command, payload) {
    const response = await fetch(`/invoke/${encodeURIComponent(command)}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload ?? {}),
    });
    const answer = await response.json();
    if ("refused" in answer) throw answer.refused;
    return answer.ok;
  }

  /** Answers when nothing of what is emitted from now on can be missed. */
  async function listen({ event, handler }, id) {
    const source = new EventSource(`/events/${event}`);
    source.onmessage = (message) =>
      callbacks.get(handler)?.({ event, id, payload: JSON.parse(message.data) });
    sources.set(id, source);
    await new Promise((opened) => source.addEventListener("open", opened, { once: true }));
    return id;
  }

  async function invoke(command, payload) {
    const answer = await ask(command, payload);
    return command === "plugin:event|listen" ? listen(payload, answer) : answer;
  }

  function standStill(time) {
    const Real = Date;
    window.Date = class extends Real {
      constructor(...parts) {
        super(...(parts.length === 0 ? [time] : parts));
      }
      static now() {
        return time;
      }
    };
  }

  /** What went wrong in the page, for the tests to ask. */
  function noteFaults() {
    const faults = [];
    window.cairnFaults = faults;
    window.addEventListener("error", (event) => faults.push(`error: ${event.message}`));
    window.addEventListener("unhandledrejection", (event) =>
      faults.push(`unhandled: ${JSON.stringify(event.reason) ?? event.reason}`),
    );
    document.addEventListener("securitypolicyviolation", (event) =>
      faults.push(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  }

  noteFaults();
  window.__TAURI_INTERNALS__ = {
    invoke,
    transformCallback,
    unregisterCallback: (id) => callbacks.delete(id),
  };
  window.__TAURI_EVENT_PLUGIN_INTERNALS__ = {
    unregisterListener: (_event, id) => sources.get(id)?.close(),
  };
  if (clock !== null) standStill(clock);
  Object.freeze(Object.prototype);
})();
