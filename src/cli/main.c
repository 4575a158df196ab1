/* The bifocal program: start-up checks that every command relies on, then the command of that name. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "bifocal/doctor.h"
#include "bifocal/version.h"
#include "cli/cli.h"

typedef struct command {
  const char *name;
  int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
#define BF_COMMAND(name) {#name, bf_command_##name},
#include "cli/commands.def"
#undef BF_COMMAND
};
enum { command_count = sizeof commands / sizeof commands[0] };

static const char overview[] =
    "bifocal: DICOM studies in, a trained two-headed model, scores out\n"
    "\n"
    "  bifocal phantom  -o DIR                                 synthetic studies with labels and boxes\n"
    "  bifocal inspect  PATH...                                what each file is, and whether it can be used\n"
    "  bifocal ingest   PATH... --labels FILE -o DATA.h5       DICOM files and labels to a dataset\n"
    "  bifocal weights  list | fetch NAME | show FILE | ...    pretrained weights\n"
    "  bifocal train    CONFIG.yaml --data DATA.h5 -o RUN/     train both heads; --folds N, --find-lr\n"
    "  bifocal score    MODEL.safetensors PATH... -o SCORES.h5 score studies; goes on after a kill\n"
    "  bifocal embed    MODEL.safetensors PATH... -o EMBED.h5  the backbone's representation of each image\n"
    "  bifocal evaluate SCORES.h5 --labels FILE                AUC, sensitivity, FROC, with intervals\n"
    "  bifocal export   SCORES.h5 --format NAME -o DIR         csv, json, picture sheet\n"
    "  bifocal bench                                           speed of the engine on this machine\n"
    "  bifocal doctor                                          what this machine and its libraries are worth\n"
    "\n"
    "'bifocal COMMAND --help' tells more. Not a medical device: for research.\n";

/* A file that is opened must not become stdout or stderr of a program that was started without them. */
static void keep_first_descriptors(void) {
  int file;
  do file = open("/dev/null", O_RDWR);
  while (file >= 0 && file <= 2);
  if (file > 2) close(file);
}

/* Blocks of a picture's size are wanted again for the next picture: pages that went back to the system in between would
 * cost as much as decoding does. */
static void keep_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

int main(int argc, char **argv) {
  if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
    fputs(overview, argc < 2 ? stderr : stdout);
    return argc < 2 ? BF_EXIT_USAGE : BF_EXIT_GOOD;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("bifocal %s\n", BIFOCAL_VERSION);
    return BF_EXIT_GOOD;
  }
  keep_first_descriptors();
  keep_memory();
  signal(SIGCHLD, SIG_DFL); /* how children end must be known */
  /* A full disk or a file-size limit must come back as an error of write(), a closed pipe likewise. */
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < command_count; i++) {
    if (strcmp(commands[i].name, argv[1]) != 0) continue;
    bf_error err = {0};
    if (strcmp(argv[1], "doctor") != 0 && bf_start(&err) != BF_OK) return bf_cli_fail(&err);
    int code = commands[i].run(argc - 1, argv + 1);
    /* What was printed is a result too: a full disk or a closed pipe must not pass for success. */
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    fprintf(stderr, "error: the output cannot be written to stdout: %s\n", strerror(errno));
    return code == BF_EXIT_GOOD || code == BF_EXIT_ROWS_FAILED ? BF_EXIT_FAILED : code;
  }
  const char *names[command_count];
  for (int i = 0; i < command_count; i++) names[i] = commands[i].name;
  const char *near = bf_nearest(argv[1], names, command_count);
  fprintf(stderr, "error: %s: no such command%s%s%s\n'bifocal --help' lists them\n", argv[1],
          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  return BF_EXIT_USAGE;
}
