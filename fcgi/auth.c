/* The client learns only that the token is no good; why stands in the log. */
#include "fcgi/auth.h"

#include <string.h>

#include "fcgi/app.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "lib/access/token.h"

static const char *
verify(struct request *r)
{
    const char *header = r->authorization;
    const char *token;
    size_t len;

    if (token_from_header(header, strlen(header), &token, &len) != 0)
        return "the header holds no token";
    return token_verify(r->app->settings->keys, token, len, clock_wall(), &r->player);
}

static void
refuse(struct request *r, const char *detail)
{
    reply_header(r, "WWW-Authenticate", "Bearer");
    reply_problem(r, 401, detail);
}

bool
auth_check(struct request *r)
{
    const char *why;

    if (r->authorization == NULL || r->authorization[0] == '\0') {
        refuse(r, "Not authorized");
        return false;
    }
    why = verify(r);
    if (why != NULL) {
        log_info("auth", "token refused", LOG_S("request_id", r->id), LOG_S("reason", why));
        refuse(r, "Unable to fetch user profile");
        return false;
    }
    return true;
}
