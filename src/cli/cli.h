/* What every command shares: parsing options from one table, --help, --json, exit codes. A command is one file
 * command_<name>.c and one line in commands.def. */
#ifndef BF_CLI_CLI_H
#define BF_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bifocal/status.h"

enum { BF_EXIT_GOOD = 0, BF_EXIT_FAILED = 1, BF_EXIT_USAGE = 2, BF_EXIT_ROWS_FAILED = 3 };

#define BF_CLI_MAX 4096

#define BF_COMMAND(name) int bf_command_##name(int argc, char **argv);
#include "cli/commands.def"
#undef BF_COMMAND

/* One option of a command. Exactly one of the destinations is set. */
typedef struct bf_cli_option {
  const char *name;     /* long name without dashes; a one-letter name is given with one dash ("o") */
  const char *argument; /* word for the help ("FILE"), NULL for a flag */
  const char *help;
  const char **text; /* last value given */
  int *number;       /* whole number, 0 .. 2147483647 */
  bool *flag;
  struct bf_cli_list *list; /* every value given */
} bf_cli_option;

typedef struct bf_cli_list {
  const char *items[BF_CLI_MAX];
  int count;
} bf_cli_list;

typedef struct bf_cli_command {
  const char *name;
  const char *usage;   /* after "bifocal <name> " */
  const char *summary; /* one line */
  const char *example; /* one or more lines */
  int least, most;     /* positional arguments; most < 0: any number */
} bf_cli_command;

/* Every command also has --help, --json, --threads, --kernels, --quiet; these land in bf_cli_common, and the kernels
 * are selected here, before any work. Positionals go to `rest`. Returns -1 to go on, or an exit code: BF_EXIT_GOOD
 * after --help, BF_EXIT_USAGE with the reason and a hint on stderr.
 */
typedef struct bf_cli_common {
  bool json, quiet;
  int threads;
  const char *kernels; /* NULL: the best for this processor */
} bf_cli_common;
int bf_cli_parse(bf_cli_common *common, bf_cli_list *rest, const bf_cli_command *command, const bf_cli_option *options,
                 int option_count, int argc, char **argv);

/* Sets a text that may hold any bytes (file names). */
void bf_cli_set_text(json_t *object, const char *key, const char *value);
void bf_cli_set_count(json_t *object, const char *key, int64_t value);
/* Numbers that are not finite become null. */
void bf_cli_set_real(json_t *object, const char *key, double value);
/* One line on stdout; takes the object over. */
void bf_cli_print(json_t *object);

/* Prints the error on stderr and returns the exit code: BF_EXIT_USAGE for BF_E_ARGUMENT, BF_EXIT_FAILED otherwise. */
int bf_cli_fail(const bf_error *err);

#endif
