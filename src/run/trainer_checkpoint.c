/* What a resumed training goes on from: blocks of numbers, and a line of text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "run/trainer.h"
#include "store/checkpoint.h"

/* The blocks of a checkpoint, in one list for writing and reading. */
static int checkpoint_blocks(const bf_trainer *t, bf_block *blocks) {
  static const char *const moments[] = {"moment_1", "moment_2"};
  int count = 0;
  blocks[count++] = (bf_block){"parameters", bf_trainer_block(t), bf_trainer_block_size(t)};
  blocks[count++] = (bf_block){"best", t->best, bf_trainer_block_size(t)};
  if (t->average != NULL) blocks[count++] = (bf_block){"average", t->average, bf_trainer_block_size(t)};
  for (int i = 0; i < bf_optimiser_blocks(t->optimiser); i++)
    blocks[count++] = (bf_block){moments[i], bf_optimiser_block(t->optimiser, i), bf_trainer_block_size(t)};
  return count;
}

/* "3,3,12,...": how many steps each stage has been trained; and the balance's numbers, to the last bit. */
static void print_steps(char *text, size_t capacity, const int64_t *steps) {
  size_t used = 0;
  for (int k = 0; k < BF_OPTIMISER_STAGES && used < capacity; k++)
    used += (size_t)snprintf(text + used, capacity - used, "%s%lld", k > 0 ? "," : "", (long long)steps[k]);
}

static bool parse_steps(int64_t *steps, const char *text) {
  for (int k = 0; k < BF_OPTIMISER_STAGES; k++) {
    char *end;
    steps[k] = strtoll(text, &end, 10);
    if (end == text || *end != (k + 1 < BF_OPTIMISER_STAGES ? ',' : '\0')) return false;
    text = end + 1;
  }
  return true;
}

enum { balance_text = BF_BALANCE_STATE * 32 };

static void print_balance(char text[balance_text], const bf_balance *balance) {
  size_t used = (size_t)snprintf(text, balance_text, "-");
  for (int k = 0; k < balance->type->state; k++)
    used += (size_t)snprintf(text + used, balance_text - used, ",%a", balance->state[k]);
}

/* Another method's numbers are taken as well: that the configuration differs is found and said afterwards. */
static bool parse_balance(bf_balance *balance, const char *text) {
  if (*text++ != '-') return false;
  for (int k = 0; k < BF_BALANCE_STATE && *text == ','; k++) {
    char *end;
    balance->state[k] = strtod(text + 1, &end);
    if (end == text + 1 || !isfinite(balance->state[k])) return false;
    text = end;
  }
  return *text == '\0';
}

bf_status bf_trainer_save(bf_trainer *t, const char *path, const char *text, bf_error *err) {
  bf_block blocks[8];
  char steps[256], balance[balance_text];
  int count = checkpoint_blocks(t, blocks);
  size_t size = strlen(text) + 512 + balance_text;
  char *all = bf_alloc(size, 1);
  if (all == NULL) return bf_fail(err, BF_E_MEMORY, "no memory for the checkpoint");
  print_steps(steps, sizeof steps, bf_optimiser_steps(t->optimiser));
  print_balance(balance, &t->balance);
  snprintf(all, size, "step %lld epoch %d best_epoch %d best_metric %a optimiser_steps %s balance %s\n%s",
           (long long)t->step, t->epoch, t->best_epoch, t->best_metric, steps, balance, text);
  bf_status status = bf_checkpoint_write(path, blocks, count, all, err);
  bf_free(all);
  return status;
}

/* The line in front of the caller's text; 0 or the length of it. */
static size_t parse_state(bf_trainer *t, const char *text) {
  long long step;
  char steps[256], balance[balance_text];
  int used = 0;
  _Static_assert(balance_text == 2048, "the width in the format below");
  if (sscanf(
          text,
          "step %lld epoch %d best_epoch %d best_metric %la optimiser_steps %255[0-9,] balance %2047[-+0-9a-fpx.,]\n%n",
          &step, &t->epoch, &t->best_epoch, &t->best_metric, steps, balance, &used) != 6 ||
      !parse_steps(bf_optimiser_steps(t->optimiser), steps) || !parse_balance(&t->balance, balance))
    return 0;
  t->step = step;
  return (size_t)used;
}

bf_status bf_trainer_load(bf_trainer *t, const char *path, const char *expected, char **rest, bf_error *err) {
  bf_block blocks[8];
  char *all = NULL;
  *rest = NULL;
  /* The text first: of another job's checkpoint the blocks would not fit either, and say less. */
  bf_status status = bf_checkpoint_read(path, NULL, 0, &all, err);
  if (status != BF_OK) return status;
  size_t used = parse_state(t, all);
  if (used == 0)
    status = bf_fail(
        err, BF_E_FORMAT,
        "%s: its text is not that of a checkpoint of this version of the program; start anew without --resume", path);
  else if (strncmp(all + used, expected, strlen(expected)) != 0)
    status = bf_fail(
        err, BF_E_ARGUMENT,
        "%s: was made with another dataset, configuration, weights file or number of folds; give the same ones, "
        "or train into another -o",
        path);
  else if ((*rest = bf_strdup(all + used + strlen(expected))) == NULL)
    status = bf_fail(err, BF_E_MEMORY, "no memory for the checkpoint's text");
  bf_free(all);
  all = NULL;
  if (status == BF_OK) status = bf_checkpoint_read(path, blocks, checkpoint_blocks(t, blocks), &all, err);
  bf_free(all);
  /* As the last epoch left it, which is what a finished run is scored with. */
  return status == BF_OK ? bf_trainer_freeze(t, t->epoch > 0 ? t->epoch - 1 : 0, err) : status;
}
