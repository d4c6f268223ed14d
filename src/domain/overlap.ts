/** How long secrets that were replaced go on counting beside the new one. */
import { z } from 'zod';

const OVERLAP_SECONDS_MAX = 30 * 24 * 3600;

/** @param description what that means for these secrets @returns the schema of `overlap_seconds`, 30 days at the most */
export function overlapSeconds(description: string) {
  return z.int().min(0).max(OVERLAP_SECONDS_MAX).default(0).meta({ description });
}
