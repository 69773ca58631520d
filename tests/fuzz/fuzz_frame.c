/*
 * What frame_scan takes for a whole request, libfcgi must read as one: to the end, without wanting
 * more, with a body of the length that was found.
 */
#include <assert.h>
#include <fcgiapp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgi/server/frame.h"

#define BODY_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_with_libfcgi(const uint8_t *data, const struct frame *frame)
{
    int fd = memfd_create("request", MFD_CLOEXEC);
    char body[BODY_MAX + 1];
    FCGX_Request r;

    assert(fd >= 0 && write(fd, data, frame->len) == (ssize_t)frame->len);
    assert(lseek(fd, 0, SEEK_SET) == 0);
    assert(FCGX_Init() == 0 && FCGX_InitRequest(&r, -1, 0) == 0);
    r.keepConnection = 1;
    r.ipcFd = fd;
    assert(FCGX_Accept_r(&r) == 0);
    assert(FCGX_GetStr(body, sizeof(body), r.in) == (int)frame->body);
    assert(FCGX_GetError(r.in) == 0);
    FCGX_Free(&r, 0);
    (void)close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame;

    if (frame_scan(data, size, BODY_MAX, &frame) == FRAME_READY) {
        assert(frame.len <= size && frame.body <= BODY_MAX);
        read_with_libfcgi(data, &frame);
    }
    return 0;
}
