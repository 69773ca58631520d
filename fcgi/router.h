/*
 * From a method and a path to the handler: one table (router.c), and the checks that every route
 * shares, in the order that docs/http-api.md promises: path, method, product, token, body.
 */
#ifndef VARCADE_FCGI_ROUTER_H
#define VARCADE_FCGI_ROUTER_H

#include <stddef.h>

#include "fcgi/request.h"

struct conf;

/* What a route wants checked before its handler is called. */
enum route_needs {
    ROUTE_TOKEN = 1,     /* a player's token: r->player */
    ROUTE_TOKEN_MAYBE = 16, /* a token that is there must be good; r->player is empty without one */
    ROUTE_JSON_BODY = 2, /* a body, where there is one, must be JSON */
    ROUTE_EVENTS = 8,    /* the body may be as large as http.events_body_max */
    ROUTE_LOCAL = 4      /* needs neither Redis nor game servers: answered under any load */
};

typedef void router_fn(struct request *r);

struct route {
    enum request_method method; /* REQUEST_GET answers HEAD too */
    const char *pattern;        /* /a/{product}/b/{id} */
    const char *name;           /* of the route in the metrics */
    unsigned needs;             /* of enum route_needs */
    router_fn *fn;              /* answers r, at once or later */
};

/* router_dispatch(r): find the route and call its handler, or answer why not. r may be gone when
 * this returns. */
void router_dispatch(struct request *r);

/* router_body_max(conf): the largest body that any route takes. */
size_t router_body_max(const struct conf *conf);

/* router_route_at(i): the i-th route, or NULL past the end. */
const struct route *router_route_at(size_t i);

#endif
