/* Names and prefixes of weight files, tried one after the other. */
#include "model/weight_names.h"

#include <stdio.h>
#include <string.h>

enum { probes = 6, most_prefixes = 16 };

bool bf_weight_fits(const bf_param *p, const bf_tensor *t) {
  bool grey = p->kind == BF_PARAM_CONV && p->rank == 4 && t->rank == 4 &&
              ((p->shape[1] == 1 && t->shape[1] == 3) || (p->shape[1] == 3 && t->shape[1] == 1));
  if (t->rank < 1 || t->shape[0] != p->shape[0]) return false;
  if (t->rank != p->rank) return t->count == p->count;
  for (int i = 1; i < p->rank; i++)
    if (t->shape[i] != p->shape[i] && !(grey && i == 1)) return false;
  return true;
}

/* Their name without prefix; false where this naming has none. */
static bool translate(char theirs[BF_PARAM_NAME_MAX], const bf_naming *naming, const char *ours) {
  if (naming != NULL) return naming->translate(theirs, ours);
  return snprintf(theirs, BF_PARAM_NAME_MAX, "%s", ours) < BF_PARAM_NAME_MAX;
}

const bf_tensor *bf_weight_names_tensor(const bf_weight_names *names, const bf_tensors *file, const char *ours) {
  char theirs[BF_PARAM_NAME_MAX], whole[2 * BF_PARAM_NAME_MAX];
  if (!translate(theirs, names->naming, ours)) return NULL;
  snprintf(whole, sizeof whole, "%s%s", names->prefix, theirs);
  return bf_tensors_find(file, whole);
}

void bf_weight_names_describe(char *text, size_t capacity, const bf_weight_names *names) {
  const char *whose = names->naming != NULL ? names->naming->name
                      : names->unfolded
                          ? "torchvision; convolutions, numbered with their norms folded in, in their order"
                          : "torchvision";
  if (names->prefix[0] != '\0')
    snprintf(text, capacity, "as in %s, behind '%s'", whose, names->prefix);
  else
    snprintf(text, capacity, "as in %s", whose);
}

static int matches(const bf_weight_names *names, bf_graph *graph, int count, const bf_tensors *file) {
  int found = 0;
  for (int i = 0; i < count; i++) {
    const bf_param *p = bf_graph_param(graph, i);
    const bf_tensor *t = bf_weight_names_tensor(names, file, p->name);
    found += t != NULL && bf_weight_fits(p, t);
  }
  return found;
}

/* What stands before `theirs` in the tensor's name, up to a dot; false where the name does not end so. */
static bool prefix_of(char prefix[BF_PARAM_NAME_MAX], const char *name, const char *theirs) {
  size_t length = strlen(name), end = strlen(theirs);
  if (length < end || strcmp(name + length - end, theirs) != 0) return false;
  size_t before = length - end;
  if (before >= BF_PARAM_NAME_MAX || (before > 0 && name[before - 1] != '.' && name[before - 1] != '/')) return false;
  memcpy(prefix, name, before);
  prefix[before] = '\0';
  return true;
}

typedef struct prefixes {
  char text[most_prefixes][BF_PARAM_NAME_MAX];
  int count;
} prefixes;

static void add_prefix(prefixes *all, const char *prefix) {
  for (int i = 0; i < all->count; i++)
    if (strcmp(all->text[i], prefix) == 0) return;
  if (all->count < most_prefixes) memcpy(all->text[all->count++], prefix, strlen(prefix) + 1);
}

/* Prefixes that some parameters, spread over the network, are found behind. */
static void collect(prefixes *all, const bf_naming *naming, bf_graph *graph, int count, const bf_tensors *file) {
  all->count = 0;
  for (int k = 0; k < probes && k < count; k++) {
    char theirs[BF_PARAM_NAME_MAX], prefix[BF_PARAM_NAME_MAX];
    const bf_param *p = bf_graph_param(graph, (int)((int64_t)k * count / probes));
    if (!translate(theirs, naming, p->name)) continue;
    for (int64_t i = 0; i < file->tensor_count; i++)
      if (prefix_of(prefix, file->tensors[i].name, theirs) && bf_weight_fits(p, &file->tensors[i]))
        add_prefix(all, prefix);
  }
}

bf_weight_names bf_weight_names_find(const bf_backbone *backbone, bf_graph *graph, int count, const bf_tensors *file) {
  bf_weight_names best = {NULL, "", false};
  int most = 0;
  const bf_naming *naming = NULL, *next = backbone->namings;
  prefixes all;
  for (;;) {
    collect(&all, naming, graph, count, file);
    for (int i = 0; i < all.count; i++) {
      bf_weight_names now = {naming, "", false};
      memcpy(now.prefix, all.text[i], sizeof now.prefix);
      int found = matches(&now, graph, count, file);
      bool shorter = naming == best.naming && strlen(now.prefix) < strlen(best.prefix);
      if (found > most || (found == most && found > 0 && shorter)) most = found, best = now;
    }
    if (next == NULL || next->name == NULL) return best;
    naming = next++;
  }
}
