/*
 * What systemd and its likes give a daemon: readiness and watchdog messages, a listening socket
 * that is already open. Everything here does nothing where there is no such manager.
 */
#ifndef VARCADE_SERVICE_H
#define VARCADE_SERVICE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"

/* service_ready(status), service_reloading(), service_stopping(), service_status(status): tell the
 * manager. status is one line for whoever asks for the service's state, or NULL. */
void service_ready(const char *status);
void service_reloading(void);
void service_stopping(void);
void service_status(const char *status);

/* service_watchdog_interval(): how often to call service_watchdog_ping(), half of what the manager
 * waits; 0 = never. */
dur_ms service_watchdog_interval(void);
void service_watchdog_ping(void);

/*
 * service_listen(spec, why): the socket to serve on. spec NULL: fd 3 from socket activation where
 * there is one, else fd 0 where that is a listening socket (spawn-fcgi), else -1 with errno
 * ENOTSOCK. spec `unix:PATH`: bind and listen there, mode 0660; a leftover socket that nobody
 * listens on is replaced, one in use is an error (EADDRINUSE), and what is no socket stays (EEXIST).
 * Returns a close-on-exec descriptor, blocking as it came, or -1 with errno and the reason in why.
 * The variables of socket activation are unset: call it once.
 */
int service_listen(const char *spec, struct buf *why) __attribute__((warn_unused_result));

#endif
