/* What the fronts of this room share: the service that files of others are read in. Private to this room. */
#ifndef BF_DICOM_FRONT_H
#define BF_DICOM_FRONT_H

#include "base/service.h"

/* NULL: this process reads. */
bf_service *bf_dicom_service(void);

/* Of a request about a file of that size. */
bf_service_limits bf_dicom_limits(double cpu_milliseconds, double memory, int64_t file_size);

/* What any file may take beyond what its size explains. */
extern const double bf_dicom_spare_memory;

/* bf_service_call, and once more where the process was killed from outside: that says nothing about the file. */
bf_status bf_dicom_call(bf_server *server, const void *request, size_t size, int file, size_t room,
                        const bf_service_limits *limits, bf_error *err);

/* Puts the path before a message that does not name it. */
bf_status bf_dicom_said(const char *path, bf_status status, bf_error *err);

#endif
