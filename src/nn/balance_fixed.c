/* The configured weights as they are. Published comparisons find them hard to beat (Kurin et al. 2022, "In defense of
 * the unitary scalarization for deep multi-task learning"). */
#include "nn/balance_rows.h"

static const bf_option table[] = {BF_NO_BALANCE_OPTION};

const bf_balance_type bf_balance_fixed = {
    .name = "fixed", .help = "the weights of the heads as they are", .options = table, .weigh = bf_weigh_base};
