/* Submits a score and shows the board: score URL KEY PRODUCT BOARD PLAYER SCORE
 * cc score.c -o score -lcurl     (Debian: libcurl4-openssl-dev)
 * KEY is made by `varcadectl keys add PRODUCT` and belongs on a game server, never in a client. */
#include <curl/curl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    char url[1024], event[512], authorization[256];
    CURL *curl = curl_easy_init();

    if (argc != 7 || curl == NULL)
        return 2;
    /* The same event_id sent twice counts once: a request whose fate is not known can be sent again. */
    snprintf(event, sizeof(event), "{\"type\": \"score\", \"user_id\": \"%s\", \"score\": %s, \"event_id\": \"%lld-%d\"}",
             argv[5], argv[6], (long long)time(NULL), (int)getpid());
    snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", argv[2]);
    snprintf(url, sizeof(url), "%s/events/%s", argv[1], argv[3]);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, curl_slist_append(NULL, authorization));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, event);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, stderr);
    if (curl_easy_perform(curl) != CURLE_OK)
        return 1;
    snprintf(url, sizeof(url), "%s/leaderboards/%s/%s?limit=10", argv[1], argv[3], argv[4]);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    return curl_easy_perform(curl) == CURLE_OK ? 0 : 1; /* the board goes to standard output */
}
