/*
 * Reads a stream to its end and does nothing with it: what a worker that drains the stream cannot
 * be faster than. tests/bench/drain.py compares varcade-worker with it.
 *
 * usage: read_only SOCKET STREAM COUNT, COUNT entries a read. Prints entries and seconds.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The entries in XREAD's answer; NULL at the end of the stream. */
static const redisReply *
entries_of(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        reply->element[0]->elements != 2)
        return NULL;
    return reply->element[0]->element[1];
}

/* One read behind *id, which moves on. Returns how many entries it brought. */
static size_t
read_some(redisContext *redis, const char *stream, const char *count, char *id, size_t size)
{
    redisReply *reply = redisCommand(redis, "XREAD COUNT %s STREAMS %s %s", count, stream, id);
    const redisReply *entries;
    size_t n = 0;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        (void)fprintf(stderr, "%s\n", reply == NULL ? redis->errstr : reply->str);
        exit(EXIT_FAILURE);
    }
    entries = entries_of(reply);
    if (entries != NULL && entries->elements > 0) {
        n = entries->elements;
        (void)snprintf(id, size, "%s", entries->element[n - 1]->element[0]->str);
    }
    freeReplyObject(reply);
    return n;
}

int
main(int argc, char **argv)
{
    redisContext *redis;
    char id[64] = "0-0";
    size_t n, total = 0;
    double begin;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: %s SOCKET STREAM COUNT\n", argv[0]);
        return EXIT_FAILURE;
    }
    redis = redisConnectUnix(argv[1]);
    if (redis == NULL || redis->err != 0) {
        (void)fprintf(stderr, "%s: cannot connect\n", argv[1]);
        return EXIT_FAILURE;
    }
    begin = seconds();
    while ((n = read_some(redis, argv[2], argv[3], id, sizeof(id))) > 0)
        total += n;
    (void)printf("%zu %.6f\n", total, seconds() - begin);
    redisFree(redis);
    return EXIT_SUCCESS;
}
