FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: bcrypt brings prebuilt binaries, and the `node` package, which puts Node 24 in front of an older
# one on a developer's machine, has nothing to do where the image is Node 24.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production \
    LATCHKEY_HOST=0.0.0.0 \
    LATCHKEY_STORE=sqlite:/var/lib/latchkey/latchkey.sqlite \
    LATCHKEY_KEYS_DIR=/var/lib/latchkey/keys
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
COPY deploy ./deploy
# The program belongs to root and cannot be changed by the user it runs as; what it keeps is in one place.
RUN install -d -o node -g node -m 0700 /var/lib/latchkey /var/lib/latchkey/keys
USER node
VOLUME /var/lib/latchkey
EXPOSE 4400
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "deploy/healthcheck.ts"]
CMD ["node", "src/main.ts"]
