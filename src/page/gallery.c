/* Pictures with boxes and heat maps over them. All layers of a picture share one coordinate system: its own pixels. */
#include <math.h>
#include <string.h>

#include "page/parts.h"

static bool is_png(const void *bytes, size_t size) { return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0; }

static bool is_fit(bf_page *page, const bf_page_picture *p, int number) {
  if (!bf_page_array(page, "picture", "lesions", p->truth_count, p->truths) ||
      !bf_page_array(page, "picture", "found boxes", p->found_count, p->found))
    return false;
  bool good = p->png != NULL && is_png(p->png, p->png_size) && (p->heat == NULL || is_png(p->heat, p->heat_size));
  if (!good)
    bf_page_refuse(page, BF_E_ARGUMENT, "report page, picture %d: not a PNG file; give whole PNG files", number + 1);
  else if (p->columns < 1 || p->rows < 1)
    bf_page_refuse(page, BF_E_ARGUMENT, "report page, picture %d: %d columns, %d rows; both are at least 1", number + 1,
                   p->columns, p->rows);
  return page->failure.status == BF_OK;
}

/* The score stands above the box, or in it where there is no room above. */
static void put_box(bf_markup *m, const bf_page_box *b, const char *kind, double font) {
  if (!bf_defined(b->xmin) || !bf_defined(b->ymin) || !bf_defined(b->xmax) || !bf_defined(b->ymax)) return;
  bf_markup_put(m, "<rect class=\"%s\"", kind);
  bf_markup_attribute(m, "x", b->xmin);
  bf_markup_attribute(m, "y", b->ymin);
  bf_markup_attribute(m, "width", fmax(0, b->xmax - b->xmin));
  bf_markup_attribute(m, "height", fmax(0, b->ymax - b->ymin));
  bf_markup_raw(m, "/>");
  if (!bf_defined(b->score)) return;
  char text[BF_PAGE_NUMBER_MAX];
  bf_markup_put(m, "<text class=\"%s\"", kind);
  bf_markup_attribute(m, "x", b->xmin);
  bf_markup_attribute(m, "y", b->ymin - 0.3 * font > font ? b->ymin - 0.3 * font : b->ymin + 1.1 * font);
  bf_markup_put(m, ">%s</text>", bf_page_number(text, b->score, (bf_page_format){2, false}));
}

static void put_layers(bf_markup *m, const bf_page_picture *p) {
  double font = (p->columns > p->rows ? p->columns : p->rows) / 20.0;
  bf_markup_put(m, "<svg class=\"layers\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\"><g", p->columns, p->rows);
  bf_markup_attribute(m, "font-size", font);
  bf_markup_raw(m, ">");
  if (p->heat != NULL) {
    bf_markup_put(
        m,
        "<image class=\"heat\" width=\"%d\" height=\"%d\" preserveAspectRatio=\"none\" href=\"data:image/png;base64,",
        p->columns, p->rows);
    bf_markup_base64(m, p->heat, p->heat_size);
    bf_markup_raw(m, "\"/>\n");
  }
  bf_markup_raw(m, "<g class=\"truths\">");
  for (int i = 0; i < p->truth_count; i++) put_box(m, &p->truths[i], "truth", font);
  bf_markup_raw(m, "</g><g class=\"found-boxes\">");
  for (int i = 0; i < p->found_count; i++) put_box(m, &p->found[i], "found", font);
  bf_markup_raw(m, "</g></g></svg>\n");
}

static void put_picture(bf_markup *m, const bf_page_picture *p) {
  static const char *const moods[] = {"note", "warning", "good"};
  bf_markup_raw(m, "<figure class=\"picture\"><div class=\"frame\">\n<img alt=\"");
  bf_markup_text(m, p->alt);
  bf_markup_put(m, "\" width=\"%d\" height=\"%d\" loading=\"lazy\" decoding=\"async\" src=\"data:image/png;base64,",
                p->columns, p->rows);
  bf_markup_base64(m, p->png, p->png_size);
  bf_markup_raw(m, "\" />\n");
  put_layers(m, p);
  bf_markup_raw(m, "<button type=\"button\" class=\"zoom\" aria-haspopup=\"dialog\" hidden=\"\">Enlarge");
  bf_markup_raw(m, "<span class=\"unseen\"> ");
  bf_markup_text(m, p->title);
  bf_markup_raw(m, "</span></button></div>\n<figcaption><p class=\"title\">");
  bf_markup_text(m, p->title);
  if (p->tag != NULL && p->tag[0] != '\0') {
    bf_markup_put(m, " <span class=\"tag %s\">",
                  moods[p->mood == BF_PAGE_WARNING || p->mood == BF_PAGE_GOOD ? (int)p->mood : 0]);
    bf_markup_text(m, p->tag);
    bf_markup_raw(m, "</span>");
  }
  bf_markup_raw(m, "</p>");
  if (p->caption != NULL) bf_markup_element(m, "p", "caption", p->caption);
  bf_markup_put(m, "<p class=\"unseen\">Lesions as labelled: %d. Found boxes: %d.</p></figcaption></figure>\n",
                p->truth_count, p->found_count);
}

/* A box to tick that needs no script: page.css looks at it. */
static void put_switch(bf_markup *m, const char *kind, const char *swatch, const char *name, bool on) {
  bf_markup_put(m, "<label class=\"switch\"><input type=\"checkbox\" class=\"show-%s\"%s />", kind,
                on ? " checked=\"\"" : "");
  bf_markup_put(m, "<svg class=\"swatch\" viewBox=\"0 0 22 16\" aria-hidden=\"true\">%s</svg>", swatch);
  bf_markup_text(m, name);
  bf_markup_raw(m, "</label>\n");
}

static void put_switches(bf_markup *m, const bf_page_gallery *g) {
  bool truths = false, found = false, heat = false;
  for (int i = 0; i < g->picture_count; i++) {
    truths = truths || g->pictures[i].truth_count > 0;
    found = found || g->pictures[i].found_count > 0;
    heat = heat || g->pictures[i].heat != NULL;
  }
  if (truths)
    put_switch(m, "truths", "<rect class=\"truth\" x=\"2\" y=\"2\" width=\"18\" height=\"12\"/>",
               g->truth_name != NULL ? g->truth_name : "lesion, as labelled", true);
  if (found)
    put_switch(m, "found", "<rect class=\"found\" x=\"2\" y=\"2\" width=\"18\" height=\"12\"/>",
               g->found_name != NULL ? g->found_name : "found, with score", true);
  if (heat)
    put_switch(m, "heat", "<circle class=\"heat-spot\" cx=\"11\" cy=\"8\" r=\"7\"/>",
               g->heat_name != NULL ? g->heat_name : "heat map", false);
}

void bf_page_add_gallery(bf_page *page, const bf_page_gallery *g) {
  if (!bf_page_array(page, "gallery", "pictures", g->picture_count, g->pictures) || g->picture_count == 0) return;
  for (int i = 0; i < g->picture_count; i++)
    if (!is_fit(page, &g->pictures[i], i)) return;
  bf_markup *m = bf_page_here(page);
  int figure = bf_page_next_figure(page);
  page->has_gallery = true;
  bf_markup_put(m, "<div class=\"gallery\" id=\"figure_%d\">\n", figure);
  if (g->caption != NULL) bf_markup_element(m, "p", "caption", g->caption);
  put_switches(m, g);
  bf_markup_raw(m, "<div class=\"pictures\">\n");
  for (int i = 0; i < g->picture_count; i++) put_picture(m, &g->pictures[i]);
  bf_markup_raw(m, "</div></div>\n");
}
