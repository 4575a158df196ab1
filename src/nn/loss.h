/* Losses of one number or one box, with their slopes. */
#ifndef BF_NN_LOSS_H
#define BF_NN_LOSS_H

double bf_sigmoid(double z); /* NaN stays NaN */

/* Binary cross-entropy of logit z against a target in 0..1; slope = d/dz. */
double bf_loss_bce(double *slope, double z, double target);

/* Penalty-reduced focal loss of a centre map (Law, Deng 2018, equation 1; alpha 2, beta 4): target 1 is a centre, less
 * than 1 its surroundings. slope = d/dz. */
double bf_loss_centre(double *slope, double z, double target);

/* 1 - GIoU (Rezatofighi et al. 2019) of two boxes given by the distances left, top, right, bottom from one point;
 * predicted distances are positive, true ones may be negative when the point lies outside. slope[k] = d/d predicted[k];
 * iou is the plain overlap. */
double bf_loss_giou(double slope[4], double *iou, const double predicted[4], const double target[4]);

#endif
