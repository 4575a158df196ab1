/* What is kept of two attributes of a header that say more than results may hold: the maker's name, cleaned, and the
 * patient's age, by decade. Texts in, texts out; any thread. Private to this room. */
#ifndef BF_DICOM_COARSE_H
#define BF_DICOM_COARSE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BF_COARSE_NAME = 33, BF_COARSE_AGE = 17 };

/* Manufacturer (0008,0070): ASCII letters, digits and . , & ( ) / - as they stand; a run of anything else is one space,
 * none at the ends; at most 32 characters. name may be out. */
void bf_coarse_name(char out[BF_COARSE_NAME], const char *name);

/* "0-9", "10-19", ... "80-89", "90+"; "" unknown. age: Patient's Age (0010,1010), such as "045Y", "018M", "003W" or
 * "045D" (PS3.5 6.2, AS). Where it is no age, whole years from birth to date, both as "YYYYMMDD" (DA); a birth that
 * comes after the date gives none. All ages above 89 are one, as HIPAA's safe harbour has them (45 CFR
 * 164.514(b)(2)(i)(C)). */
void bf_coarse_age(char out[BF_COARSE_AGE], const char *age, const char *birth, const char *date);
/* Whether it is one of those texts. */
bool bf_coarse_is_age(const char *text);

#ifdef __cplusplus
}
#endif
#endif
