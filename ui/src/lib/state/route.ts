/** Where the window stands. The address keeps it, so that Back works. */
export type Route =
  | { screen: "today" }
  | { screen: "tenants" }
  | { screen: "sync" }
  | { screen: "history"; tenant: string | null; item: string | null }
  | { screen: "settings" }
  | { screen: "migration"; tenant: string }
  | { screen: "people"; tenant: string }
  | { screen: "checklist"; tenant: string; item: string | null };

/** Reads the part of the address after `#`; anything unknown is Today. */
export function parseRoute(hash: string): Route {
  const [screen, tenant, item] = hash.replace(/^#\/?/, "").split("/").map(safeDecode);
  if (screen === "tenants" || screen === "sync" || screen === "settings") return { screen };
  if (screen === "history") return { screen, tenant: tenant || null, item: item || null };
  if ((screen === "migration" || screen === "people") && tenant) return { screen, tenant };
  if (screen === "checklist" && tenant) return { screen, tenant, item: item || null };
  return { screen: "today" };
}

/** The address of a place. */
export function routeHash(route: Route): string {
  if (route.screen === "migration" || route.screen === "people") {
    return `#/${route.screen}/${encodeURIComponent(route.tenant)}`;
  }
  if (route.screen !== "checklist" && route.screen !== "history") return `#/${route.screen}`;
  const parts = [route.tenant, route.tenant === null ? null : route.item];
  const tail = parts.filter((part) => part !== null).map((part) => `/${encodeURIComponent(part)}`);
  return `#/${route.screen}${tail.join("")}`;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
