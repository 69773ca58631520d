/* The products, for a portal or the page. */
#ifndef VARCADE_FCGI_CATALOG_H
#define VARCADE_FCGI_CATALOG_H

struct request;

/* GET /products */
void catalog_list(struct request *r);

#endif
