/* Executors of a model's members, several looks at the same images, and what joins them. */
#include "run/predictor.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* ---- heat maps ---- */

static int64_t cells_of(const bf_heat_grid *grid) { return (int64_t)grid->rows * grid->columns; }

static bf_heat_grid lesion_grid(bf_network *network) {
  const bf_features *f = bf_network_features(network);
  if (f->where_stride == 0) return (bf_heat_grid){0};
  bf_shape s = bf_graph_shape(bf_network_graph(network), f->where);
  return (bf_heat_grid){s.h, s.w, f->where_stride};
}

static bf_heat_grid malignancy_grid(const bf_explain *explain) {
  if (explain == NULL) return (bf_heat_grid){0};
  bf_shape s = bf_explain_shape(explain);
  return (bf_heat_grid){s.h, s.w, bf_explain_cell(explain)};
}

/* Probabilities of a look, in the place of logits. */
static void lesion_maps(float *maps, bf_network *network, bf_exec *exec, int64_t count) {
  const float *logits = bf_exec_value(exec, bf_network_features(network)->where);
  for (int64_t i = 0; i < count; i++) maps[i] = 1 / (1 + expf(-logits[i]));
}

/* A mirrored map turned back. Where cells do not reach the picture's right edge, as behind convolutions without
 * padding, the mirror image of the first one is beyond the last. */
static void take_map(float *to, const float *from, const bf_heat_grid *grid, int size, bool mirrored) {
  int wide = (int)lrint(size / grid->cell);
  for (int y = 0; y < grid->rows; y++)
    for (int x = 0; x < grid->columns; x++) {
      int there = mirrored ? wide - 1 - x : x, last = grid->columns - 1;
      to[y * grid->columns + x] = from[y * grid->columns + (there < 0 ? 0 : there > last ? last : there)];
    }
}

static bf_status add_heat(bf_answer *answers, const bf_predictor *p, int member, bool mirrored, int n, bf_error *err) {
  bool good = true;
  for (int kind = 0; kind < BF_HEATS && good; kind++) {
    int64_t cells = cells_of(&p->grids[kind]);
    if (cells == 0) continue;
    float *maps = bf_alloc((size_t)(n * cells), sizeof *maps);
    good = maps != NULL;
    if (good && kind == BF_HEAT_MALIGNANCY) bf_explain_run(maps, p->explains[member], p->execs[member], n);
    if (good && kind == BF_HEAT_LESION)
      lesion_maps(maps, bf_model_member(p->model, member), p->execs[member], n * cells);
    for (int i = 0; i < n && good; i++) {
      float *map = answers[i].heat[kind] = bf_alloc_raw((size_t)cells, sizeof *map);
      good = map != NULL;
      if (good) take_map(map, maps + i * cells, &p->grids[kind], p->model->options.size, mirrored);
    }
    bf_free(maps);
  }
  if (good) return BF_OK;
  for (int i = 0; i < n; i++) bf_answer_clear(&answers[i]);
  return bf_fail(err, BF_E_MEMORY, "no memory for the heat maps of %d images", n);
}

/* Cells of malignancy by the weights of their logits, so that they still add up to the joint one. */
static void join_heat(bf_answer *answers, const double *weights, int views, const bf_heat_grid *grids) {
  for (int kind = 0; kind < BF_HEATS; kind++)
    for (int64_t i = 0; i < cells_of(&grids[kind]); i++) {
      double sum = 0, all = 0;
      for (int v = 0; v < views; v++) {
        double weight = kind == BF_HEAT_MALIGNANCY ? weights[v] : 1;
        sum += weight * (double)answers[v].heat[kind][i];
        all += weight;
      }
      answers[0].heat[kind][i] = (float)(sum / all);
    }
}

/* ---- looks ---- */

static bf_status look_once(bf_answer *out, const bf_predictor *p, int member, bool mirrored,
                           const bf_affine *to_network, const int32_t *columns, const int32_t *rows, int n,
                           bf_error *err) {
  bf_status status = bf_predict_batch(out, bf_model_member(p->model, member), p->execs[member], p->pool, to_network,
                                      columns, rows, n, err);
  return status == BF_OK ? add_heat(out, p, member, mirrored, n, err) : status;
}

static void mirror_input(float *input, int n, int size) {
  for (int64_t line = 0; line < (int64_t)n * size; line++) {
    float *row = input + line * size * 3;
    for (int x = 0; x < size / 2; x++)
      for (int c = 0; c < 3; c++) {
        float kept = row[3 * x + c];
        row[3 * x + c] = row[3 * (size - 1 - x) + c];
        row[3 * (size - 1 - x) + c] = kept;
      }
  }
}

/* Several looks at the same images: each member of a model, as they are and mirrored. */
typedef struct looks {
  int count, each, done; /* each: of one member */
  float *input;          /* of one look, for the executors of all members, and mirrored */
  size_t floats;
  bf_affine *mirrored; /* original -> network pixels of the mirrored look */
  bf_answer *answers;  /* [image][look] */
  bf_answer *batch;    /* of the look at hand */
} looks;

static void looks_clear(looks *l, int n) {
  for (int i = 0; i < n && l->answers != NULL; i++)
    for (int k = 0; k < l->done; k++) bf_answer_clear(&l->answers[i * l->count + k]);
  bf_free(l->input);
  bf_free(l->mirrored);
  bf_free(l->answers);
  bf_free(l->batch);
}

static bf_status looks_create(looks *l, const float *input, const bf_affine *to_network, int n, int size,
                              bf_error *err) {
  const bf_affine flip = {{-1, 0, size, 0, 1, 0}};
  l->floats = (size_t)n * (size_t)size * (size_t)size * 3;
  l->input = bf_alloc_raw(l->floats, sizeof *l->input);
  l->mirrored = bf_alloc((size_t)n, sizeof *l->mirrored);
  l->answers = bf_alloc((size_t)n * (size_t)l->count, sizeof *l->answers);
  l->batch = bf_alloc((size_t)n, sizeof *l->batch);
  if (!l->input || !l->mirrored || !l->answers || !l->batch)
    return bf_fail(err, BF_E_MEMORY, "no memory for %d looks at %d images", l->count, n);
  memcpy(l->input, input, l->floats * sizeof *input);
  for (int i = 0; i < n; i++) l->mirrored[i] = bf_affine_compose(flip, to_network[i]);
  return BF_OK;
}

static bf_status take_look(looks *l, const bf_predictor *p, const bf_affine *to_network, const int32_t *columns,
                           const int32_t *rows, int n, bf_error *err) {
  int member = l->done / l->each, mirror = l->done % l->each;
  float *input = bf_exec_value(p->execs[member], bf_network_input(bf_model_member(p->model, member)));
  memcpy(input, l->input, l->floats * sizeof *input);
  if (mirror) mirror_input(input, n, p->model->options.size);
  bf_status status = look_once(l->batch, p, member, mirror, mirror ? l->mirrored : to_network, columns, rows, n, err);
  for (int i = 0; i < n && status == BF_OK; i++) l->answers[i * l->count + l->done] = l->batch[i];
  l->done += status == BF_OK;
  return status;
}

static bf_status look_often(bf_answer *out, looks *l, const bf_predictor *p, const bf_affine *to_network,
                            const int32_t *columns, const int32_t *rows, int n, bf_error *err) {
  const float *input = bf_exec_value(p->execs[0], bf_network_input(p->model->network));
  bf_status status = looks_create(l, input, to_network, n, p->model->options.size, err);
  while (status == BF_OK && l->done < l->count) status = take_look(l, p, to_network, columns, rows, n, err);
  if (status != BF_OK) return status;
  double weights[BF_LOOKS_MAX];
  for (int v = 0; v < l->count; v++) weights[v] = bf_calibration_slope(&p->model->calibration[v / l->each]);
  for (int i = 0; i < n; i++) {
    bf_answer *first = &l->answers[i * l->count];
    join_heat(first, weights, l->count, p->grids);
    bf_predict_join(first, weights, l->count, columns[i], rows[i]); /* frees what the others own */
    out[i] = *first;
    *first = (bf_answer){0};
  }
  return BF_OK;
}

bf_status bf_predictor_run(bf_answer *out, const bf_predictor *p, const bf_affine *to_network, const int32_t *columns,
                           const int32_t *rows, int n, bf_error *err) {
  looks l = {.each = p->flips ? 2 : 1};
  l.count = bf_model_members(p->model) * l.each;
  if (n == 0) return BF_OK;
  bf_status status = l.count == 1 ? look_once(out, p, 0, false, to_network, columns, rows, n, err)
                                  : look_often(out, &l, p, to_network, columns, rows, n, err);
  looks_clear(&l, n);
  if (status != BF_OK) return status;
  bf_predict_probabilities(out, n, p->model);
  status = bf_predict_finish(out, p->pool, columns, rows, n, err);
  for (int i = 0; i < n && status != BF_OK; i++) bf_answer_clear(&out[i]);
  return status;
}

/* ---- executors ---- */

static bf_status plan_heat(bf_predictor *p, int member, bf_error *err) {
  bf_network *network = bf_model_member(p->model, member);
  bf_status status = bf_explain_create(&p->explains[member], network, p->batch, p->pool, err);
  if (status != BF_OK) return status;
  p->grids[BF_HEAT_MALIGNANCY] = malignancy_grid(p->explains[member]);
  p->grids[BF_HEAT_LESION] = lesion_grid(network);
  if (p->grids[BF_HEAT_LESION].rows > 0)
    bf_graph_output(bf_network_graph(network), bf_network_features(network)->where);
  if (p->grids[BF_HEAT_MALIGNANCY].rows > 0 || p->grids[BF_HEAT_LESION].rows > 0) return BF_OK;
  return bf_fail(err, BF_E_ARGUMENT, "heat maps: no head of this model has any; malignancy, lesion and mask do");
}

static bf_status create_member(bf_predictor *p, int member, bf_error *err) {
  bf_graph *graph = bf_network_graph(bf_model_member(p->model, member));
  bf_status status = p->explains != NULL ? plan_heat(p, member, err) : BF_OK;
  if (status == BF_OK) status = bf_exec_create(&p->execs[member], graph, p->batch, false, p->pool, err);
  if (status == BF_OK) status = bf_exec_hold_weights(p->execs[member], err);
  if (status == BF_OK) bf_exec_own_weights(p->execs[member]);
  return status;
}

bf_status bf_predictor_create(bf_predictor *out, bf_model *model, int batch, bool flips, bool heat, bf_pool *pool,
                              bf_error *err) {
  size_t members = (size_t)bf_model_members(model);
  *out = (bf_predictor){.model = model, .pool = pool, .batch = batch, .flips = flips};
  out->execs = bf_alloc(members, sizeof(bf_exec *));
  if (heat) out->explains = bf_alloc(members, sizeof(bf_explain *));
  if (out->execs == NULL || (heat && out->explains == NULL))
    return bf_fail(err, BF_E_MEMORY, "no memory for %zu networks", members);
  bf_status status = BF_OK;
  for (int i = 0; i < (int)members && status == BF_OK; i++) status = create_member(out, i, err);
  return status;
}

void bf_predictor_clear(bf_predictor *p) {
  for (int i = 0; p->model != NULL && i < bf_model_members(p->model); i++) {
    if (p->execs != NULL) bf_exec_destroy(p->execs[i]);
    if (p->explains != NULL) bf_explain_destroy(p->explains[i]);
  }
  bf_free(p->execs);
  bf_free(p->explains);
  *p = (bf_predictor){0};
}
