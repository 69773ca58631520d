/* Boards as plain tables: see plain.h. */
#include "worker/snapshots/plain.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/config/conf.h"
#include "lib/product/product.h"
#include "lib/rules/rules.h"
#include "worker/files.h"
#include "worker/mem.h"
#include "worker/snapshots/snapshot.h"
#include "worker/worker.h"

#define FOLDER "plain"
#define SUFFIX ".html"
#define PAGE_MAX ((size_t)1 << 20)

/* --- HTML ------------------------------------------------------------------------------------- */

static void
add_text(struct buf *out, const char *s)
{
    buf_xml(out, s, strlen(s));
}

static void
begin(struct buf *out, const char *title)
{
    buf_str(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    add_text(out, title);
    buf_str(out, "</title>\n<link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n"
                 "<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n<h1>");
    add_text(out, title);
    buf_str(out, "</h1>\n");
}

static void
end(struct buf *out)
{
    buf_str(out, "</main>\n</body>\n</html>\n");
}

static void
add_row(struct buf *out, const struct board_entry *entry)
{
    const char *name = entry->name != NULL ? entry->name : entry->user_id;

    buf_printf(out, "<tr><td class=\"number\">%lld</td><th scope=\"row\">", (long long)entry->rank);
    buf_xml(out, name, entry->name != NULL ? entry->name_len : entry->user_id_len);
    buf_str(out, "</th><td class=\"number\">");
    buf_json_number(out, entry->score);
    buf_str(out, "</td></tr>\n");
}

static int
render_board(const struct board_page *page, const struct redisReply *reply, struct buf *out)
{
    const struct rules_board *board = rules_board_at(page->product->rules, page->board);
    struct board_entry entry;
    int found;

    begin(out, page->product->title);
    buf_str(
        out,
        "<p><a href=\"/plain/\">All leaderboards</a></p>\n<div class=\"card\"><table>\n<caption>");
    add_text(out, board->title);
    buf_str(
        out,
        "</caption>\n<thead><tr><th scope=\"col\" class=\"number\">Rank</th>"
        "<th scope=\"col\">Player</th><th scope=\"col\" class=\"number\">Score</th></tr></thead>\n"
        "<tbody>\n");
    for (size_t i = 0; (found = board_entry_at(reply, i, &entry)) > 0; i++)
        add_row(out, &entry);
    buf_str(out, "</tbody>\n</table></div>\n");
    end(out);
    return found == 0 && buf_ok(out) ? 0 : -1;
}

static void
render_index(const struct products *products, struct buf *out)
{
    begin(out, "Leaderboards");
    for (size_t i = 0; i < products_count(products); i++) {
        const struct product *p = products_at(products, i);

        buf_str(out, "<h2>");
        add_text(out, p->title);
        buf_str(out, "</h2>\n<ul>\n");
        for (size_t n = 0; n < rules_board_count(p->rules); n++) {
            const struct rules_board *board = rules_board_at(p->rules, n);

            /* Ids have nothing in them that would have to be escaped. */
            buf_printf(out, "<li><a href=\"%s/%s" SUFFIX "\">", p->id, board->id);
            add_text(out, board->title);
            buf_str(out, "</a></li>\n");
        }
        buf_str(out, "</ul>\n");
    }
    end(out);
}

/* --- files ------------------------------------------------------------------------------------ */

static char *
folder_of(const struct worker *w, const char *product)
{
    char *path;

    if (asprintf(&path, "%s/" FOLDER "%s%s", w->conf->snapshots_dir, *product != '\0' ? "/" : "",
                 product) < 0)
        mem_out();
    return path;
}

/* Write folder/<name>.html where it is another; folder is made where it is not there. */
static void
save(struct worker *w, char *folder, const char *name, const struct buf *html)
{
    char *file, *path, *temporary;

    if (asprintf(&file, "%s" SUFFIX, name) < 0 || asprintf(&path, "%s/%s", folder, file) < 0)
        mem_out();
    temporary = files_temporary(folder, file);
    if (!files_same(path, html) && files_replace(path, temporary, html) < 0 &&
        (errno != ENOENT || files_make_folder(folder) < 0 ||
         files_replace(path, temporary, html) < 0))
        snapshot_trouble(w, "the table cannot be written", path);
    free(temporary);
    free(path);
    free(file);
}

void
plain_write(struct worker *w, const struct board_page *page, const struct redisReply *reply)
{
    const struct rules_board *board = rules_board_at(page->product->rules, page->board);
    char *folder = folder_of(w, page->product->id);
    struct buf html;

    buf_init(&html, PAGE_MAX);
    if (render_board(page, reply, &html) == 0) {
        save(w, folder, board->id, &html);
    } else {
        errno = EBADMSG;
        snapshot_trouble(w, "the board is no table", folder);
    }
    buf_free(&html);
    free(folder);
}

/* Whether a file of the product's folder is the table of a board that is no more. */
static bool
is_of_nothing(const struct worker *w, const char *product, const char *file, bool is_link)
{
    const char *suffix = strchrnul(file, '.');
    size_t len = (size_t)(suffix - file);
    const struct product *p;

    (void)is_link;
    if (strcmp(suffix, SUFFIX) != 0 || !text_is_product_id(file, len))
        return false;
    p = products_find(w->products, product, strlen(product));
    return p == NULL || rules_board_find(p->rules, file, len) < 0;
}

static void
clean_folder(struct worker *w, const char *product)
{
    char *path = folder_of(w, product);

    snapshot_clean(w, path, product, is_of_nothing);
    free(path);
}

void
plain_prepare(struct worker *w)
{
    struct dirent *entry;
    struct buf html;
    char *folder;
    DIR *dir;

    if (w->conf->snapshots_dir[0] == '\0')
        return;
    folder = folder_of(w, "");
    buf_init(&html, PAGE_MAX);
    render_index(w->products, &html);
    if (buf_ok(&html))
        save(w, folder, "index", &html);
    buf_free(&html);
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (text_is_product_id(entry->d_name, strlen(entry->d_name)))
            clean_folder(w, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    free(folder);
}
