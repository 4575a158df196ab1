/* A stroke font. A glyph is a few strokes on a grid whose letters name coordinates ('a' is 0): capitals stand on y 'm'
 * (12) and reach to 'a', small letters to 'e', descenders to 'q'. A stroke is a chain of points xy; one that begins
 * with
 * '~' is an open curve and with '@' a closed one, whose points pull at it (quadratic B-splines). */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "output/canvas_blend.h"

typedef struct glyph {
  char letter;
  char width; /* in grid units */
  const char *strokes;
} glyph;

static const glyph glyphs[] = {
    {'0', 8, "@aaiaimam"},
    {'1', 5, "bdeaem"},
    {'2', 8, "~adaaiaifam amim"},
    {'3', 8, "~acaaiaigdg ~dgigimamak"},
    {'4', 9, "gmgaaiji"},
    {'5', 8, "habaag ~agbeieimamak"},
    {'6', 8, "@afifimam ~hbgaaaai"},
    {'7', 8, "aaiadm"},
    {'8', 8, "@bahahgbg @agigimam"},
    {'9', 8, "@aaiaihah ~ieimcmbl"},
    {'A', 8, "ameaim bjhj"},
    {'B', 8, "aaam ~aahahgag ~agigimam"},
    {'C', 8, "~idiaaaamimij"},
    {'D', 8, "aaam ~aaiaimam"},
    {'E', 7, "haaaamhm aggg"},
    {'F', 7, "haaaam aggg"},
    {'G', 8, "~idiaaaamimig igfg"},
    {'H', 8, "aaam iaim agig"},
    {'I', 2, "babm"},
    {'J', 6, "~gagmamaj"},
    {'K', 8, "aaam iaah dfim"},
    {'L', 7, "aaamhm"},
    {'M', 10, "amaafikakm"},
    {'N', 8, "amaaimia"},
    {'O', 9, "@aajajmam"},
    {'P', 8, "aaam ~aaiaihah"},
    {'Q', 9, "@aajajmam fijn"},
    {'R', 8, "aaam ~aaiaihah ehim"},
    {'S', 8, "~iciaaaagigimamak"},
    {'T', 8, "aaia eaem"},
    {'U', 8, "aaah ~ahamimih ihia"},
    {'V', 8, "aaemia"},
    {'W', 12, "aadmgbjmma"},
    {'X', 8, "aaim iaam"},
    {'Y', 8, "aaegia egem"},
    {'Z', 8, "aaiaamim"},
    {'a', 7, "@aehehmam hehm"},
    {'b', 7, "aaam @aehehmam"},
    {'c', 7, "~hgheaeamhmhk"},
    {'d', 7, "hahm @aehehmam"},
    {'e', 7, "aihi ~hiheaeamhmgl"},
    {'f', 5, "~facace cecm aefe"},
    {'g', 7, "@aehehmam hehm ~hmhqaqao"},
    {'h', 7, "aaam ~ahaehehi hihm"},
    {'i', 2, "bebm bbbb"},
    {'j', 3, "cecn ~cncqaq cbcb"},
    {'k', 7, "aaam geaj dhhm"},
    {'l', 2, "babm"},
    {'m', 10, "aeam ~ahaefefi fifm ~fhfekeki kikm"},
    {'n', 7, "aeam ~ahaehehi hihm"},
    {'o', 7, "@aehehmam"},
    {'p', 7, "aeaq @aehehmam"},
    {'q', 7, "hehq @aehehmam"},
    {'r', 5, "aeam ~ahaefe"},
    {'s', 7, "~gfgeaeaihihmamal"},
    {'t', 5, "cbcj ~cjcmfm aefe"},
    {'u', 7, "aeai ~aiamhmhi hehm"},
    {'v', 8, "aeemie"},
    {'w', 10, "aedmffhmke"},
    {'x', 7, "aehm heam"},
    {'y', 8, "aeem iecq"},
    {'z', 7, "aeheamhm"},
    {' ', 4, ""},
    {'.', 2, "bmbm"},
    {',', 2, "bmao"},
    {':', 2, "bgbg bmbm"},
    {'-', 6, "aigi"},
    {'+', 8, "aiii eeem"},
    {'=', 8, "agig akik"},
    {'%', 9, "iaam @aadadfaf @fhjhjmfm"},
    {'(', 3, "~daagdm"},
    {')', 3, "~aadgam"},
    {'/', 6, "gaam"},
    {'_', 8, "anin"},
    {'#', 8, "dacm hagm aeie aiii"},
    {'!', 2, "babi bmbm"},
    {'?', 8, "~acaaiaifeh ehej emem"},
    {'<', 7, "heaihm"},
    {'>', 7, "aehiam"},
    {'\'', 2, "babd"},
    {'|', 2, "babo"},
};

enum { most_segments = 160, steps = 6 };
static const double cap = 12, gap = 3.4, weight = 1.55; /* grid units */

typedef struct point {
  double x, y;
} point;

typedef struct segments {
  point from[most_segments], to[most_segments];
  int count;
} segments;

static void add(segments *s, point a, point b) {
  if (s->count == most_segments) return;
  s->from[s->count] = a;
  s->to[s->count++] = b;
}

static point between(point a, point b, double t) { return (point){a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t}; }

static void add_quadratic(segments *s, point a, point pull, point b) {
  point last = a;
  for (int i = 1; i <= steps; i++) {
    double t = (double)i / steps;
    point now = between(between(a, pull, t), between(pull, b, t), t);
    add(s, last, now);
    last = now;
  }
}

static void add_stroke(segments *s, const char *text, int length) {
  bool open = text[0] == '~', closed = text[0] == '@';
  point p[16];
  int n = 0;
  for (int i = open || closed; i + 1 < length && n < 16; i += 2) p[n++] = (point){text[i] - 'a', text[i + 1] - 'a'};
  if (closed) {
    for (int i = 0; i < n; i++)
      add_quadratic(s, between(p[(i + n - 1) % n], p[i], 0.5), p[i], between(p[i], p[(i + 1) % n], 0.5));
  } else if (open) {
    for (int i = 1; i + 1 < n; i++)
      add_quadratic(s, i == 1 ? p[0] : between(p[i - 1], p[i], 0.5), p[i],
                    i + 2 == n ? p[n - 1] : between(p[i], p[i + 1], 0.5));
  } else {
    for (int i = 1; i < n; i++) add(s, p[i - 1], p[i]);
  }
}

static const glyph *find(char letter) {
  for (size_t i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++)
    if (glyphs[i].letter == letter) return &glyphs[i];
  return NULL;
}

static double distance(point p, point a, point b) {
  double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  double t = length > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length : 0;
  point near = between(a, b, t < 0 ? 0 : t > 1 ? 1 : t);
  return hypot(p.x - near.x, p.y - near.y);
}

static void draw(bf_canvas *c, const glyph *g, double left, double top, double scale, uint32_t colour) {
  segments s = {.count = 0};
  for (const char *t = g->strokes; *t; t += strcspn(t, " "), t += *t == ' ') add_stroke(&s, t, (int)strcspn(t, " "));
  double half = weight * scale / 2 < 0.55 ? 0.55 : weight * scale / 2;
  for (int y = (int)floor(top - 2); y <= top + 17 * scale + 2; y++)
    for (int x = (int)floor(left - 2); x <= left + (g->width + 1) * scale + 2; x++) {
      double best = 1e9;
      for (int i = 0; i < s.count; i++) {
        point a = {left + s.from[i].x * scale, top + s.from[i].y * scale},
              b = {left + s.to[i].x * scale, top + s.to[i].y * scale};
        double d = distance((point){x + 0.5, y + 0.5}, a, b);
        if (d < best) best = d;
      }
      double cover = half - best + 0.5;
      bf_canvas_blend(c, x, y, colour, cover > 1 ? 1 : cover);
    }
}

double bf_canvas_text(bf_canvas *c, double x, double y, double size, uint32_t colour, const char *text) {
  double scale = size / cap;
  for (; *text; text++) {
    const glyph *g = find(*text);
    if (g == NULL) continue;
    draw(c, g, x, y - size, scale, colour);
    x += (g->width + gap) * scale;
  }
  return x;
}

double bf_text_width(double size, const char *text) {
  double units = 0;
  for (; *text; text++) {
    const glyph *g = find(*text);
    if (g != NULL) units += g->width + gap;
  }
  return units > 0 ? (units - gap) * size / cap : 0;
}
