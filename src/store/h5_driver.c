/* A file driver for HDF5 that writes through pread and pwrite, and survives a full disk.
 *
 * When a write fails inside H5Fclose, HDF5 1.10 keeps a dangling file id and stumbles over it at exit. This driver
 * keeps the first errno for the caller and swallows the writes that follow, so HDF5 always closes cleanly; the caller
 * sees the errno and throws the file away. The file's format is that of the default driver. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/h5.h"

typedef struct driver_info {
  int *failed;
} driver_info;

typedef struct driver_file {
  H5FD_t base; /* first: HDF5's own part */
  int fd;
  int *failed;
  haddr_t eoa, eof; /* end of allocated addresses, end of file */
} driver_file;

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr) {
  (void)maxaddr;
  const driver_info *info = H5Pget_driver_info(fapl);
  if (info == NULL || info->failed == NULL) return NULL;
  int mode = (flags & H5F_ACC_RDWR ? O_RDWR : O_RDONLY) | (flags & H5F_ACC_CREAT ? O_CREAT : 0) |
             (flags & H5F_ACC_TRUNC ? O_TRUNC : 0) | (flags & H5F_ACC_EXCL ? O_EXCL : 0) | O_CLOEXEC;
  int fd = open(name, mode, 0666);
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0) {
    *info->failed = errno;
    if (fd >= 0) close(fd);
    return NULL;
  }
  driver_file *file = calloc(1, sizeof *file);
  if (file == NULL) {
    *info->failed = ENOMEM;
    close(fd);
    return NULL;
  }
  file->fd = fd;
  file->failed = info->failed;
  file->eof = (haddr_t)about.st_size;
  return &file->base;
}

static herr_t driver_close(H5FD_t *base) {
  driver_file *file = (driver_file *)base;
  /* Some file systems tell of a failed write only here. */
  if (close(file->fd) != 0 && *file->failed == 0) *file->failed = errno;
  free(file);
  return 0;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags) {
  (void)base;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

static haddr_t driver_get_eoa(const H5FD_t *base, H5FD_mem_t type) {
  (void)type;
  return ((const driver_file *)base)->eoa;
}

static herr_t driver_set_eoa(H5FD_t *base, H5FD_mem_t type, haddr_t address) {
  (void)type;
  ((driver_file *)base)->eoa = address;
  return 0;
}

static haddr_t driver_get_eof(const H5FD_t *base, H5FD_mem_t type) {
  (void)type;
  return ((const driver_file *)base)->eof;
}

static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer) {
  driver_file *file = (driver_file *)base;
  (void)type, (void)transfer;
  char *to = buffer;
  while (size > 0) {
    ssize_t got = pread(file->fd, to, size, (off_t)address);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && *file->failed == 0) *file->failed = errno;
    if (got <= 0) break;
    to += got;
    address += (haddr_t)got;
    size -= (size_t)got;
  }
  memset(to, 0, size); /* behind the end of the file, or a file that is thrown away */
  return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
  driver_file *file = (driver_file *)base;
  (void)type, (void)transfer;
  const char *from = buffer;
  if (address + size > file->eof) file->eof = address + size;
  while (size > 0 && *file->failed == 0) {
    ssize_t put = pwrite(file->fd, from, size, (off_t)address);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      *file->failed = put < 0 ? errno : ENOSPC;
      break;
    }
    from += put;
    address += (haddr_t)put;
    size -= (size_t)put;
  }
  return 0;
}

static herr_t driver_truncate(H5FD_t *base, hid_t transfer, hbool_t closing) {
  driver_file *file = (driver_file *)base;
  (void)transfer, (void)closing;
  if (file->eoa == file->eof) return 0;
  if (*file->failed == 0 && ftruncate(file->fd, (off_t)file->eoa) != 0) *file->failed = errno;
  file->eof = file->eoa;
  return 0;
}

static const H5FD_class_t driver_class = {
    .name = "bifocal",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG, /* whatever a failed call left open is closed with the file */
    .fapl_size = sizeof(driver_info),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_eoa,
    .set_eoa = driver_set_eoa,
    .get_eof = driver_get_eof,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t bf_h5_driver_properties(int *failed) {
  static hid_t driver = -1;
  if (driver < 0) driver = H5FDregister(&driver_class);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  driver_info info = {failed};
  if (driver < 0 || access < 0 || H5Pset_driver(access, driver, &info) < 0) {
    if (access >= 0) H5Pclose(access);
    return -1;
  }
  return access;
}
