// Resampling and content finding by ITK, on the caller's buffers.
#include "itk/itk.h"

#include <cmath>
#include <exception>
#include <new>

#include "itkAffineTransform.h"
#include "itkBinaryThresholdImageFilter.h"
#include "itkConnectedComponentImageFilter.h"
#include "itkImage.h"
#include "itkImageToHistogramFilter.h"
#include "itkImportImageFilter.h"
#include "itkLabelStatisticsImageFilter.h"
#include "itkLinearInterpolateImageFunction.h"
#include "itkMultiThreaderBase.h"
#include "itkOtsuThresholdCalculator.h"
#include "itkRecursiveGaussianImageFilter.h"
#include "itkResampleImageFilter.h"
#include "itkVersion.h"

namespace {

using Image = itk::Image<float, 2>;
using Mask = itk::Image<unsigned char, 2>;
using Labels = itk::Image<unsigned int, 2>;

/* The caller's buffer as an image whose point (0, 0) is the centre of the first pixel; the buffer stays the caller's.
 */
Image::Pointer wrap(const float *src, int columns, int rows) {
  using Import = itk::ImportImageFilter<float, 2>;
  Import::Pointer import = Import::New();
  Import::SizeType size = {{static_cast<itk::SizeValueType>(columns), static_cast<itk::SizeValueType>(rows)}};
  Import::RegionType region;
  region.SetSize(size);
  import->SetRegion(region);
  import->SetImportPointer(const_cast<float *>(src), size[0] * size[1], false);
  import->Update();
  return import->GetOutput();
}

double otsu(Image *image) {
  using Histogram = itk::Statistics::ImageToHistogramFilter<Image>;
  Histogram::Pointer histogram = Histogram::New();
  Histogram::HistogramType::SizeType bins(1);
  bins.Fill(128);
  histogram->SetInput(image);
  histogram->SetHistogramSize(bins);
  histogram->SetAutoMinimumMaximum(true);
  histogram->Update();
  using Calculator = itk::OtsuThresholdCalculator<Histogram::HistogramType, float>;
  Calculator::Pointer calculator = Calculator::New();
  calculator->SetInput(histogram->GetOutput());
  calculator->Compute();
  return calculator->GetThreshold();
}

bool is_constant(const float *src, size_t count) {
  for (size_t i = 1; i < count; i++)
    if (src[i] != src[0]) return false;
  return true;
}

void content(bf_rect *out, bool *found, const float *src, int columns, int rows) {
  *found = !is_constant(src, static_cast<size_t>(columns) * static_cast<size_t>(rows));
  if (!*found) return;
  Image::Pointer image = wrap(src, columns, rows);
  using Threshold = itk::BinaryThresholdImageFilter<Image, Mask>;
  Threshold::Pointer threshold = Threshold::New();
  threshold->SetInput(image);
  threshold->SetLowerThreshold(static_cast<float>(otsu(image)));
  threshold->SetInsideValue(1);
  threshold->SetOutsideValue(0);
  using Components = itk::ConnectedComponentImageFilter<Mask, Labels>;
  Components::Pointer components = Components::New();
  components->SetInput(threshold->GetOutput());
  components->FullyConnectedOn();
  using Statistics = itk::LabelStatisticsImageFilter<Image, Labels>;
  Statistics::Pointer statistics = Statistics::New();
  statistics->SetInput(image);
  statistics->SetLabelInput(components->GetOutput());
  statistics->Update();
  unsigned int best = 0;
  itk::SizeValueType most = 0;
  for (auto label : statistics->GetValidLabelValues())
    if (label != 0 && statistics->GetCount(label) > most) best = label, most = statistics->GetCount(label);
  *found = most > 0;
  if (!*found) return;
  auto box = statistics->GetBoundingBox(best); /* xmin, xmax, ymin, ymax, inclusive */
  *out = bf_rect{static_cast<double>(box[0]), static_cast<double>(box[2]), static_cast<double>(box[1]) + 1,
                 static_cast<double>(box[3]) + 1};
}

/* Smoothing along one axis so that detail finer than the new grid does not alias. */
Image::Pointer smooth(Image::Pointer image, unsigned int axis, double shrink) {
  if (shrink <= 1.05) return image;
  using Gaussian = itk::RecursiveGaussianImageFilter<Image, Image>;
  Gaussian::Pointer gaussian = Gaussian::New();
  gaussian->SetInput(image);
  gaussian->SetDirection(axis);
  gaussian->SetSigma(0.45 * std::sqrt(shrink * shrink - 1));
  gaussian->SetZeroOrder();
  gaussian->Update();
  return gaussian->GetOutput();
}

void resample(float *dst, int dst_columns, int dst_rows, const float *src, int columns, int rows,
              const bf_affine &back) {
  Image::Pointer image = wrap(src, columns, rows);
  double shrink_x = std::hypot(back.m[0], back.m[1]), shrink_y = std::hypot(back.m[3], back.m[4]);
  if (columns > 4) image = smooth(image, 0, shrink_x);
  if (rows > 4) image = smooth(image, 1, shrink_y);
  using Transform = itk::AffineTransform<double, 2>;
  Transform::Pointer transform = Transform::New();
  Transform::MatrixType matrix;
  Transform::OutputVectorType offset;
  /* Our pixels' centres lie at +0.5, ITK's at whole numbers. */
  for (unsigned int i = 0; i < 2; i++) {
    matrix[i][0] = back.m[3 * i];
    matrix[i][1] = back.m[3 * i + 1];
    offset[i] = 0.5 * (back.m[3 * i] + back.m[3 * i + 1]) + back.m[3 * i + 2] - 0.5;
  }
  transform->SetMatrix(matrix);
  transform->SetOffset(offset);
  using Resample = itk::ResampleImageFilter<Image, Image>;
  Resample::Pointer filter = Resample::New();
  Image::SizeType size = {{static_cast<itk::SizeValueType>(dst_columns), static_cast<itk::SizeValueType>(dst_rows)}};
  filter->SetInput(image);
  filter->SetTransform(transform);
  filter->SetInterpolator(itk::LinearInterpolateImageFunction<Image>::New());
  filter->SetSize(size);
  filter->SetDefaultPixelValue(0);
  filter->Update();
  const float *from = filter->GetOutput()->GetBufferPointer();
  for (size_t i = 0; i < static_cast<size_t>(dst_columns) * static_cast<size_t>(dst_rows); i++) dst[i] = from[i];
}

/* ITK registers its process-wide objects at their first use, in a map without a lock: every filter runs once here,
 * before there are threads. */
void warm_up() {
  float picture[8 * 8] = {0}, small[4 * 4];
  bf_rect box;
  bool found;
  picture[27] = picture[28] = 1;
  content(&box, &found, picture, 8, 8);
  resample(small, 4, 4, picture, 8, 8, bf_affine_scale(2, 2));
}

template <typename Call>
bf_status guarded(const char *what, bf_error *err, Call call) noexcept {
  try {
    call();
    return BF_OK;
  } catch (const std::bad_alloc &) {
    return bf_fail(err, BF_E_MEMORY, "%s: no memory", what);
  } catch (const itk::ExceptionObject &e) {
    return bf_fail(err, BF_E_INTERNAL, "%s: %s", what, e.GetDescription());
  } catch (const std::exception &e) {
    return bf_fail(err, BF_E_INTERNAL, "%s: %s", what, e.what());
  } catch (...) {
    return bf_fail(err, BF_E_INTERNAL, "%s: failed", what);
  }
}

}  // namespace

extern "C" bf_status bf_itk_init(bf_error *err) {
  return guarded("ITK", err, [] {
    itk::MultiThreaderBase::SetGlobalMaximumNumberOfThreads(1);
    itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1);
    itk::MultiThreaderBase::SetGlobalDefaultThreader(itk::MultiThreaderBase::ThreaderEnum::Platform);
    warm_up();
  });
}

extern "C" bf_status bf_itk_content(bf_rect *out, bool *found, const float *src, int columns, int rows, bf_error *err) {
  return guarded("finding the content", err, [&] { content(out, found, src, columns, rows); });
}

extern "C" bf_status bf_itk_resample(float *dst, int dst_columns, int dst_rows, const float *src, int columns, int rows,
                                     bf_affine to_dst, bf_error *err) {
  bf_affine back;
  if (!bf_affine_invert(&back, to_dst))
    return bf_fail(err, BF_E_INTERNAL, "resampling by a map that cannot be inverted");
  return guarded("resampling", err, [&] { resample(dst, dst_columns, dst_rows, src, columns, rows, back); });
}

extern "C" const char *bf_itk_library_version(void) { return itk::Version::GetITKVersion(); }
