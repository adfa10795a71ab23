/** Where the window stands. The address keeps it, so that Back works. */
export type Route =
  | { screen: "tenants" }
  | { screen: "sync" }
  | { screen: "settings" }
  | { screen: "checklist"; tenant: string; item: string | null };

/** Reads the part of the address after `#`; anything unknown is Tenants. */
export function parseRoute(hash: string): Route {
  const [screen, tenant, item] = hash.replace(/^#\/?/, "").split("/").map(safeDecode);
  if (screen === "sync" || screen === "settings") return { screen };
  if (screen === "checklist" && tenant) return { screen: "checklist", tenant, item: item || null };
  return { screen: "tenants" };
}

/** The address of a place. */
export function routeHash(route: Route): string {
  if (route.screen !== "checklist") return `#/${route.screen}`;
  const tail = route.item === null ? "" : `/${encodeURIComponent(route.item)}`;
  return `#/checklist/${encodeURIComponent(route.tenant)}${tail}`;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
