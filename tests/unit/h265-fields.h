/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of H.265 parameter sets, in the language of bits_from_fields(). */
#pragma once

/* profile_tier_level(): Main, level 3.1 */
#define PROFILE "2:0 1:0 5:1 32:0x60000000 16:0x9000 32:0 8:93 "

/* an SPS: 7.3.2.2.1 */
#define HEAD "4:0 3:0 1:1 " PROFILE "e:0 "
#define SIZE "e:1 e:1280 e:720 1:0 "
#define DEPTHS "e:0 e:0 e:4 1:1 e:4 e:2 e:0 "
#define BLOCKS "e:0 e:3 e:0 e:3 e:1 e:1 "
#define TOOLS "1:0 1:0 1:1 1:0 "
#define NO_SETS "e:0 "
#define REST "1:0 1:1 1:1 "
#define END "1:0 1:0 1:1"
#define TAIL DEPTHS BLOCKS TOOLS NO_SETS REST END

/* a VUI: what comes before timing, and min_spatial_segmentation_idc */
#define VUI_PLAIN "1:0 1:0 1:0 1:0 1:0 1:0 1:0 1:0 "
#define RESTRICTION(idc) "1:1 1:0 1:0 1:0 e:" idc " e:2 e:1 e:15 e:15 "

/* whole VPS and PPS; the latter with all that comes before tiles_enabled_flag */
#define VPS_HEADER "4001"
#define PPS_HEADER "4401"
#define VPS(id, layers, profile) id " 1:1 1:1 6:0 " layers " 1:1 16:0xffff " profile "1:1 1:1"
#define PPS(id, tiles, wavefronts) \
  id " e:0 1:0 1:0 3:0 1:1 1:0 e:0 e:2 s:-3 1:0 1:0 1:1 e:1 s:-12 s:12 1:0 1:0 1:0 1:0 " \
  tiles " " wavefronts " 1:1"
