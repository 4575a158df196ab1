/* bifocal phantom. */
#include "bifocal/phantom.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const bf_cli_command command = {"phantom",
                                       "-o DIR [--studies N] [--seed S] [--modality us|mg|ct]",
                                       "makes synthetic DICOM studies with labels and boxes",
                                       "  bifocal phantom -o demo/ --studies 100 --seed 1 --modality us",
                                       0,
                                       0};

static void print_json(const bf_phantom_report *r, const char *folder) {
  json_t *o = json_object();
  bf_cli_set_text(o, "folder", folder);
  bf_cli_set_count(o, "studies", r->studies);
  bf_cli_set_count(o, "images", r->images);
  bf_cli_set_count(o, "malignant", r->malignant);
  bf_cli_set_count(o, "lesions", r->lesions);
  bf_cli_print(o);
}

int bf_command_phantom(int argc, char **argv) {
  static bf_cli_list rest;
  bf_cli_common common;
  bf_phantom_options o = {.seed = 1};
  int seed = 1;
  const char *modality = "us";
  const bf_cli_option options[] = {
      {"o", "DIR", "folder for studies/, labels.csv and boxes.csv", .text = &o.output},
      {"studies", "N", "how many (default 40), one to three images each", .number = &o.studies},
      {"seed", "S", "the same seed gives the same studies (default 1)", .number = &seed},
      {"masks", NULL, "write masks/<SOPInstanceUID>.png, too: white where a lesion is", .flag = &o.masks},
      {"encoding", "NAME",
       "of all pictures (default: one of several for each): implicit, explicit, big-endian, deflated, rle, "
       "jpeg-baseline, jpeg-lossless, jpeg-ls, jpeg-ls-near, jpeg-2000, jpeg-2000-lossy",
       .text = &o.encoding},
      {"bits", "N", "of all pictures, 8 to 16 (default: one of several for each)", .number = &o.bits},
      {"side", "PX", "all pictures are squares of that many pixels (default: drawn sizes)", .number = &o.side},
      {"modality", "us|mg|ct", "breast ultrasound, mammography or computed tomography (default us)", .text = &modality},
  };
  int code = bf_cli_parse(&common, &rest, &command, options, sizeof options / sizeof options[0], argc, argv);
  if (code >= 0) return code;
  bf_error err = {0};
  static const char *const names[] = {"us", "mg", "ct"};
  int which = 0;
  while (which < 3 && strcmp(modality, names[which]) != 0) which++;
  if (which == 3) bf_fail(&err, BF_E_ARGUMENT, "--modality: '%s' is none of us, mg, ct", modality);
  if (o.output == NULL) bf_fail(&err, BF_E_ARGUMENT, "-o is missing: name a folder");
  if (err.status != BF_OK) return bf_cli_fail(&err);
  o.modality = (bf_phantom_modality)which;
  o.seed = (uint64_t)seed;
  o.threads = common.threads;
  bf_phantom_report r;
  if (bf_phantom(&r, &o, &err) != BF_OK) return bf_cli_fail(&err);
  if (common.json)
    print_json(&r, o.output);
  else
    printf("%lld studies, %lld images (%lld malignant), %lld lesions in %s\n", (long long)r.studies,
           (long long)r.images, (long long)r.malignant, (long long)r.lesions, o.output);
  return BF_EXIT_GOOD;
}
