/* The two ways to serve: a process of the pool, for many requests, and a CGI program, for one. */
#ifndef VARCADE_FCGI_SERVE_H
#define VARCADE_FCGI_SERVE_H

struct app_settings;
struct pool_seat;

/* serve_fastcgi(settings, listen_fd, seat): until SIGTERM, SIGINT or SIGQUIT. Returns an exit
 * status; what went wrong is in the log. */
int serve_fastcgi(const struct app_settings *settings, int listen_fd, struct pool_seat *seat);

/* serve_cgi(settings, env): one request, from env and standard input, answered on standard
 * output. Returns an exit status. */
int serve_cgi(const struct app_settings *settings, char *const *env);

#endif
