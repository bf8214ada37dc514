import { formatRoute, parseRoute, type Route } from './route';

/** Keeps the route and the address of the page the same. */
export class Router {
  route: Route = $state.raw(parseRoute(location.pathname, location.search));

  constructor() {
    window.addEventListener('popstate', () => {
      this.route = parseRoute(location.pathname, location.search);
    });
  }

  /** Goes to a route; a step that nobody would want to go back to replaces the address. */
  go(route: Route, step: 'push' | 'replace' = 'push'): void {
    const address = formatRoute(route);
    const same = address === `${location.pathname}${location.search}`;
    if (step === 'replace' || same) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    this.route = route;
  }
}
