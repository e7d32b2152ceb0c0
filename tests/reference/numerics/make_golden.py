"""Writes all reference data of the numerics layer; see README.md."""

import ddim
import euler
import filters
import free_init
import latent_rgb
import long_noise
import mixes
import noise
import predictions
import reinit
import samplers
import video_to_video
import videocrafter

if __name__ == "__main__":
    for part in (noise, long_noise, ddim, euler, samplers, free_init, reinit, filters, mixes, predictions,
                 video_to_video, videocrafter, latent_rgb):
        part.main()
