/*
 * The main of a fuzzer where libFuzzer is not linked: feeds it every file of its corpus, so that
 * what the corpus once found stays found by `make check`, with any compiler.
 *
 * fuzz_x reads $srcdir/tests/fuzz/corpus/x; arguments, where given, are other files or folders.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REPLAY_FILE_MAX (1 << 20)

static int
replay_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    uint8_t *data = malloc(REPLAY_FILE_MAX);
    uint8_t *exact = NULL;
    size_t size;
    int ret = -1;

    if (f == NULL || data == NULL)
        goto out;
    size = fread(data, 1, REPLAY_FILE_MAX, f);
    if (ferror(f) || !feof(f))
        goto out;
    /* A block of just this size: a sanitizer sees the first byte read behind it. */
    exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        goto out;
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    ret = 0;
out:
    if (ret == -1)
        fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, REPLAY_FILE_MAX);
    free(exact);
    free(data);
    if (f != NULL)
        fclose(f);
    return ret;
}

/* Returns the number of files fed, or -1. */
static int
replay_folder(const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    int fed = 0;

    if (n == -1)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char file[4096];
        int len = snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);

        if (fed != -1 && names[i]->d_name[0] != '.') {
            if (len < 0 || (size_t)len >= sizeof(file) || replay_file(file) == -1)
                fed = -1;
            else
                fed++;
        }
        free(names[i]);
    }
    free(names);
    return n == -1 ? -1 : fed;
}

static int
replay(const char *path)
{
    struct stat st;
    int fed = 0;

    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        fed = replay_file(path) == 0 ? 1 : -1;
    else
        fed = replay_folder(path);
    if (fed == 0)
        fprintf(stderr, "%s: no input in it\n", path);
    if (fed > 0)
        printf("%s: %d inputs\n", path, fed);
    return fed > 0 ? 0 : -1;
}

static int
replay_own_corpus(const char *program)
{
    const char *srcdir = getenv("srcdir");
    const char *base = strrchr(program, '/');
    const char *name = strstr(base != NULL ? base : program, "fuzz_");
    char path[4096];
    int len;

    if (name == NULL)
        return -1;
    len = snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".",
                   name + strlen("fuzz_"));
    return len > 0 && (size_t)len < sizeof(path) ? replay(path) : -1;
}

int
main(int argc, char **argv)
{
    int ret = 0;

    if (argc < 2)
        return replay_own_corpus(argv[0]) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) == -1)
            ret = -1;
    return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
