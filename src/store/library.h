/* Versions of the libraries that this room owns, for doctor and provenance. */
#ifndef BF_STORE_LIBRARY_H
#define BF_STORE_LIBRARY_H

const char *bf_store_hdf5_version(void);   /* static */
const char *bf_store_sqlite_version(void); /* static */

#endif
