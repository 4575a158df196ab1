/* The option tables of the top level and of the optimiser, and the configuration made of all sections. */
#include <stdio.h>

#include "base/memory.h"
#include "model/model.h"

#define AT(field) offsetof(bf_main_options, field)
const bf_option bf_main_table[] = {
    {"seed", BF_OPTION_INT, AT(seed), "1", 0, 2147483647, NULL, "key of every random draw: same seed, same result"},
    {"backbone", BF_OPTION_TEXT, AT(backbone), "mobilenet_v2", 0, 0, NULL,
     "network under both heads; an unknown name lists the known ones"},
    {"weights", BF_OPTION_TEXT, AT(weights), "none", 0, 0, NULL,
     "file of pretrained weights, relative to the configuration file; none: random start"},
    {"size", BF_OPTION_INT, AT(size), "224", 32, 2048, NULL, "network input, pixels a side, a multiple of 32"},
    {"slices", BF_OPTION_CHOICE, AT(slices), "one", 0, 0, "one|three",
     "three: the network's channels are a slice of a volume between its neighbours; one: the picture in all three"},
    {"norm", BF_OPTION_CHOICE, AT(norm), "auto", 0, 0, "auto|frozen|batch",
     "batch norms of the backbone; auto: frozen with pretrained weights, batch statistics without"},
    {"freeze", BF_OPTION_TEXT, AT(freeze), "none", 0, 0, NULL,
     "backbone stages that are not trained: none, all, or the number of the last one"},
    {"unfreeze", BF_OPTION_TEXT, AT(unfreeze), "none", 0, 0, NULL,
     "thawing: none; every N (a stage each N epochs, the last first); or stages at epochs, such as 4 at 3, 2 at 6"},
    {"views", BF_OPTION_INT, AT(views), "4", 0, 1000, NULL,
     "with frozen stages: augmented pictures of each image whose features are computed once and kept; 0: none is kept"},
    {"views_memory", BF_OPTION_INT, AT(views_memory), "4096", 1, 1048576, NULL,
     "MiB that kept features may take; beyond it they are computed anew"},
    {"epochs", BF_OPTION_INT, AT(epochs), "30", 1, 100000, NULL, "passes over the training part"},
    {"batch", BF_OPTION_INT, AT(batch), "16", 1, 1024, NULL, "images a step"},
    {"patience", BF_OPTION_INT, AT(patience), "0", 0, 100000, NULL,
     "training ends after this many epochs without a better one; 0: after all epochs"},
    {"validation", BF_OPTION_REAL, AT(validation), "0.15", 0, 0.9, NULL,
     "fraction of the patients kept for choosing the best epoch"},
    {"train_fraction", BF_OPTION_REAL, AT(train_fraction), "1", 0.01, 1, NULL,
     "part of the training patients that is used: for learning curves"},
    {"metric", BF_OPTION_CHOICE, AT(metric), "combined", 0, 0, "combined|auc|froc1|loss|last",
     "what chooses the best epoch; combined: mean of AUC and lesion sensitivity at 1 false positive an image"},
    {"balanced", BF_OPTION_BOOL, AT(balanced), "true", 0, 0, NULL, "draw benign and malignant images in equal shares"},
    {"rare", BF_OPTION_REAL, AT(rare), "0.25", 0, 0.5, NULL,
     "least share of an epoch for the images with each task's labels, by repeating them; 0: as many as there are"},
    {"sensitivity", BF_OPTION_REAL, AT(sensitivity), "0", 0, 1, NULL,
     "the stored threshold aims at this sensitivity on the validation part; 0: Youden's index"},
    {"specificity", BF_OPTION_REAL, AT(specificity), "0", 0, 1, NULL,
     "in place of sensitivity: the stored threshold aims at this specificity; 0: it does not"},
    {"calibration", BF_OPTION_CHOICE, AT(calibration), "temperature", 0, 0, "none|temperature|platt",
     "of probabilities, on the validation part; temperature: the logit's slope, platt: slope and intercept"},
    {"evaluate_every", BF_OPTION_INT, AT(evaluate_every), "1", 1, 100000, NULL,
     "epochs between two looks at the validation part"},
    {0},
};
#undef AT

#define AT(field) offsetof(bf_rate_options, field)
const bf_option bf_rate_table[] = {
    {"name", BF_OPTION_CHOICE, AT(name), "adamw", 0, 0, "adamw|sgd", "optimiser"},
    {"learning_rate", BF_OPTION_REAL, AT(learning_rate), "0.001", 1e-8, 10, NULL, "peak learning rate of the heads"},
    {"backbone_rate", BF_OPTION_REAL, AT(backbone_rate), "0.1", 0, 10, NULL,
     "the backbone's last stage learns at this times learning_rate"},
    {"stage_decay", BF_OPTION_REAL, AT(stage_decay), "1", 0, 1, NULL,
     "further factor from a stage of the backbone to the one before it"},
    {"stage_rates", BF_OPTION_TEXT, AT(stage_rates), "none", 0, 0, NULL,
     "learning rates of the backbone's stages from the first on, with commas, in place of backbone_rate and "
     "stage_decay"},
    {"schedule", BF_OPTION_CHOICE, AT(schedule), "cosine", 0, 0, "cosine|one_cycle|constant",
     "of the learning rate: warm-up and half a cosine; one rise and fall with momentum against it; warm-up and no "
     "fall"},
    {"rise", BF_OPTION_REAL, AT(rise), "0.25", 0, 1, NULL, "of one_cycle: the part of all steps that goes up"},
    {"warmup_epochs", BF_OPTION_REAL, AT(warmup_epochs), "1", 0, 1000, NULL,
     "of cosine and constant: epochs of linear rise at the start"},
    {"floor_factor", BF_OPTION_REAL, AT(floor_factor), "0.01", 0, 1, NULL,
     "cosine and one_cycle end at this times learning_rate"},
    {"weight_decay", BF_OPTION_REAL, AT(weight_decay), "0.01", 0, 1, NULL, "on weights, not on biases and norms"},
    {"momentum", BF_OPTION_REAL, AT(momentum), "0.9", 0, 0.9999, NULL, "of sgd"},
    {"beta1", BF_OPTION_REAL, AT(beta1), "0.9", 0, 0.9999, NULL, "of adamw: decay of the first moment"},
    {"beta2", BF_OPTION_REAL, AT(beta2), "0.999", 0, 0.999999, NULL, "of adamw: decay of the second moment"},
    {"epsilon", BF_OPTION_REAL, AT(epsilon), "1e-8", 1e-12, 1, NULL, "of adamw"},
    {"gradient_clip", BF_OPTION_REAL, AT(gradient_clip), "10", 0, 1e9, NULL,
     "largest L2 norm of the whole gradient; 0: no limit"},
    {"average", BF_OPTION_REAL, AT(average), "0", 0, 0.99999, NULL,
     "decay a step of the moving average of the weights that is kept for scoring; 0: none"},
    {0},
};
#undef AT

const bf_option bf_balance_table[] = {
    {"method", BF_OPTION_TEXT, offsetof(bf_balance_options, method), "fixed", 0, 0, NULL,
     "how tasks share the network: fixed, uncertainty, dwa, gradnorm or pcgrad"},
    {0},
};

#define AT(field) offsetof(bf_card_options, field)
const bf_option bf_card_table[] = {
    {"purpose", BF_OPTION_TEXT, AT(purpose), "not stated", 0, 0, NULL, "what the model is for, and for whom"},
    {"limits", BF_OPTION_TEXT, AT(limits), "not stated", 0, 0, NULL, "what it must not be used for"},
    {"data", BF_OPTION_TEXT, AT(data), "not stated", 0, 0, NULL,
     "where its training images come from: places, years, machines; no patient's name or number"},
    {"contact", BF_OPTION_TEXT, AT(contact), "not stated", 0, 0, NULL, "whom to ask about it"},
    {"licence", BF_OPTION_TEXT, AT(licence), "not stated", 0, 0, NULL, "on what terms it may be used"},
    {0},
};
#undef AT

bf_status bf_model_balance(bf_balance *out, const bf_config *config, bf_error *err) {
  bf_balance_options named;
  char prefix[96];
  *out = (bf_balance){0};
  bf_status status = bf_config_fill(config, "balance", &named, err);
  if (status != BF_OK) return status;
  if ((out->type = bf_balance_type_find(named.method, err)) == NULL) return BF_E_ARGUMENT;
  if (out->type->options[0].name == NULL) return BF_OK;
  if ((out->options = bf_alloc(1, out->type->options_size)) == NULL)
    return bf_fail(err, BF_E_MEMORY, "no memory for the options of a balance");
  snprintf(prefix, sizeof prefix, "balance.%s", out->type->name);
  status = bf_config_fill(config, prefix, out->options, err);
  if (status != BF_OK) bf_free(out->options), out->options = NULL;
  return status;
}

/* "heads.<name>", "balance.<name>": the sections of a table's rows, whose names stand in prefixes. */
static void add_section(bf_config_section *sections, int *count, char (*prefixes)[96], const char *group,
                        const char *name, const bf_option *table) {
  if (table[0].name == NULL) return;
  snprintf(prefixes[*count], sizeof prefixes[*count], "%s.%s", group, name);
  sections[*count] = (bf_config_section){prefixes[*count], table};
  (*count)++;
}

bf_status bf_model_config(bf_config **out, const bf_config_section *extra, int extra_count, bf_error *err) {
  int heads = bf_head_type_count(), balances = bf_balance_type_count(), most = 4 + heads + balances + extra_count;
  int count = 0;
  *out = NULL;
  bf_config_section *sections = bf_alloc((size_t)most, sizeof *sections);
  char(*prefixes)[96] = bf_alloc((size_t)most, sizeof *prefixes);
  bf_status status =
      sections == NULL || prefixes == NULL ? bf_fail(err, BF_E_MEMORY, "no memory for the configuration") : BF_OK;
  if (status != BF_OK) goto out;
  sections[count++] = (bf_config_section){"", bf_main_table};
  sections[count++] = (bf_config_section){"optimiser", bf_rate_table};
  for (int i = 0; i < heads; i++)
    add_section(sections, &count, prefixes, "heads", bf_head_type_at(i)->name, bf_head_type_at(i)->options);
  sections[count++] = (bf_config_section){"balance", bf_balance_table};
  for (int i = 0; i < balances; i++)
    add_section(sections, &count, prefixes, "balance", bf_balance_type_at(i)->name, bf_balance_type_at(i)->options);
  sections[count++] = (bf_config_section){"card", bf_card_table};
  for (int i = 0; i < extra_count; i++) sections[count++] = extra[i];
  status = bf_config_create(out, sections, count, err);
out:
  bf_free(prefixes);
  bf_free(sections);
  return status;
}
